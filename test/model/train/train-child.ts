/** Trains a small model in the folder of the first argument, with the options of the third, and writes a line of JSON for each step, to be killed half-way. */
import { memorySource } from '../../../model/data/source.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import { config, smallExamples, vocabulary } from '../small-model.ts';

const [runDir = '', steps = '', own = '{}'] = process.argv.slice(2);

void pretrain(
  {
    runDir,
    source: memorySource(smallExamples(50), 4),
    config,
    vocabulary,
    detector: 'test',
    steps: Number(steps),
    batchSize: 8,
    learningRate: 2e-3,
    validation: smallExamples(20, 2),
    evaluateEverySteps: 6,
    bestBy: 'mlm',
    checkpointEverySteps: 7,
    reportEverySteps: 1,
    resume: true,
    ...(JSON.parse(own) as Partial<PretrainOptions>),
  },
  { onProgress: ({ step, loss }) => process.stdout.write(`${JSON.stringify({ step, loss })}\n`) },
);
