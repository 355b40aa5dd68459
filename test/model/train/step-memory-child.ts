/** Runs steps of the setup in the first argument and writes how many bytes they took above what lies between them, as the system counts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { adamW, ratesAt } from '../../../model/runtime/optimizer.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import type { Arrays } from '../../../model/runtime/traced-function.ts';
import { pretrainStep, type StepSetup } from '../../../model/train/step-memory.ts';
import { update } from '../../../model/train/update.ts';

const setup = JSON.parse(process.argv[2]!) as StepSetup;
const { options, batchOf } = pretrainStep(setup);
const executable = openExecutable(options);
executable.load(startValues(options.parameters, 1));
const batches = Array.from({ length: setup.stagesAhead ? 6 : 1 }, (_, index) => batchOf(index));
const bytesOf = (line: string): number =>
  1024 * Number(new RegExp(`${line}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))![1]);
let step = 0;
/** With `batch`, and `next` on its way to the step after it. */
const run = async (batch: Arrays, next?: Arrays): Promise<void> => {
  await update(executable, [batch], ratesAt(adamW, step, 1e-4), { seed: 1, step }, next && (async () => next));
  step += 1;
};
const above: number[] = [];
for (let index = 0; index < 3; index++) {
  const [batch = batches[0]!, next] = batches.slice(2 * index);
  const rest = bytesOf('VmRSS');
  writeFileSync('/proc/self/clear_refs', '5'); // the peak is counted from here
  await run(batch, next);
  // The first step gets what all keep.
  if (index > 0) above.push(bytesOf('VmHWM') - rest);
  if (next) await run(next);
}
console.log(JSON.stringify({ aboveBytes: Math.min(...above) }));
