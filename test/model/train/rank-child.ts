/** One of several processes that train a small model together: prints a line of JSON for each step, and at its end its digest of the weights. */
import { digestOf } from '../../../dataset/atomic-file.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { memorySource } from '../../../model/data/source.ts';
import { halvesFromFloats } from '../../../model/runtime/half.ts';
import { endSoon } from '../../../model/runtime/session.ts';
import { readCheckpoint } from '../../../model/train/checkpoint.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import { openRanks } from '../../../model/train/ranks.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

interface Task {
  readonly rank: number;
  readonly ranks: number;
  readonly port: number;
  readonly runDir: string;
  /** `halves`: features as shards have them. */
  readonly own?: Partial<PretrainOptions> & { readonly examplesSeed?: number; readonly halves?: boolean };
  readonly deadlineMs?: number;
}

const { rank, ranks: count, port, runDir, own: given, deadlineMs } = JSON.parse(process.argv[2]!) as Task;
const { examplesSeed = 4, halves = false, ...own } = given ?? {};
const examples = smallExamples(60).map(({ regions, ...rest }) => ({
  ...rest,
  regions: { ...regions, features: halves ? halvesFromFloats(regions.features as Float32Array) : regions.features },
}));
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

async function work(): Promise<void> {
  const together =
    count > 0
      ? await openRanks({
          ...{ rank, count, coordinator: { host: '127.0.0.1', port } },
          ...(deadlineMs !== undefined && { deadlineMs }),
          ...(own.devices !== undefined && { cpuDevices: own.devices }),
        })
      : undefined;
  try {
    await pretrain(
      {
        ...{
          runDir,
          source: memorySource(examples, examplesSeed),
          vocabulary,
          detector: 'test',
          steps: 8,
          batchSize: 12,
        },
        config: { ...config, layers: 2, contrast: { pooling: 'mean', shortcut: true } },
        ...{ objectives: allObjectives, learningRate: 1e-3, checkpointEverySteps: 3, reportEverySteps: 1, threads: 0 },
        ...{
          validation: smallExamples(20, 2),
          evaluateEverySteps: 4,
          bestBy: 'loss',
          tensorboard: false,
          resume: true,
        },
        ranks: together,
        ...own,
      },
      { signal: stop.signal, onProgress: ({ step, loss, losses, gradientNorm }) => say({ step, loss, losses, gradientNorm }) }, // biome-ignore format: one line
    );
    await together?.leave();
  } catch (error) {
    await together?.leave(error);
    throw error;
  } finally {
    if (together) endSoon();
  }
  const { values } = readCheckpoint(runDir, 'last');
  const bytes = [...values].map(([name, { buffer }]) => `${name} ${digestOf(new Uint8Array(buffer)).sha256}`);
  say({ weights: digestOf(bytes.join()).sha256 });
}

work().catch((error: Error) => {
  process.exitCode = error instanceof UserError ? error.exitCode : 1;
  process.stderr.write(`${error instanceof UserError ? error.message : error.stack}\n`);
});
