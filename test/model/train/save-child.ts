/** Saves checkpoint after checkpoint into the folder of the first argument, to be killed meanwhile or to run out of room. */
import { makeFolder } from '../../../dataset/make-folder.ts';
import { identityStatistics } from '../../../model/data/feature-statistics.ts';
import { firstPosition } from '../../../model/data/sampler.ts';
import { paperObjectives } from '../../../model/net/objective.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { slots } from '../../../model/runtime/optimizer.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import { saveCheckpoint } from '../../../model/train/save-checkpoint.ts';
import { config, vocabulary } from '../small-model.ts';

const [runDir = '', first = '1', last = '1000000'] = process.argv.slice(2);
makeFolder(runDir);
const model = { ...config, hiddenSize: 64, feedForwardSize: 256 };
const parameters = parameterSpecs(model);
const description = {
  config: model,
  vocabulary,
  detector: 'test',
  objectives: paperObjectives,
  featureStatistics: identityStatistics(6),
};

for (let step = Number(first); step <= Number(last); step++) {
  const values = startValues(parameters, step);
  for (const [name, own] of [...values]) for (const slot of Object.values(slots(name))) values.set(slot, own);
  try {
    saveCheckpoint(runDir, description, { step, position: firstPosition, seed: step }, values, { keep: 2 });
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ ...(error as Error), message: (error as Error).message })}\n`);
    break;
  }
  process.stdout.write(`${step}\n`);
}
