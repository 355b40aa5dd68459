/** A batch shared by several devices: virtual ones of the CPU, each with a tower of its own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { readCheckpoint } from '../../../model/train/checkpoint.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import type { TrainingProgress } from '../../../model/train/progress.ts';
import { startedSessions } from '../../helpers/started-sessions.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-devices-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;

interface Run {
  readonly losses: readonly TrainingProgress[];
  readonly values: ReadonlyMap<string, Float32Array>;
}

const deep = { ...config, layers: 2, contrast: { pooling: 'mean', shortcut: true } } as const;

async function run(own: Partial<PretrainOptions>, watch: { stopAt?: number } = {}): Promise<Run & { runDir: string }> {
  made += 1;
  const runDir = own.runDir ?? join(root, `run${made}`);
  const losses: TrainingProgress[] = [];
  const stop = new AbortController();
  await pretrain(
    {
      ...{ runDir, source: memorySource(smallExamples(60), 4), config: deep, vocabulary, detector: 'test', steps: 6 },
      ...{ batchSize: 12, objectives: allObjectives, hardNegatives: true, learningRate: 1e-3, reportEverySteps: 1 },
      ...{ checkpointEverySteps: 100, tensorboard: false, resume: true, ...own },
    },
    {
      signal: stop.signal,
      onProgress: (progress) => {
        losses.push(progress);
        if (progress.step === watch.stopAt) stop.abort();
      },
    },
  );
  return { runDir, losses, values: readCheckpoint(runDir, 'last').values };
}

/** Adam moves by the rate where a gradient is nearly 0 and rounding turns its sign: a few places may differ by more. */
function assertSame(one: Run, other: Run, name: string): void {
  one.losses.forEach(({ loss, losses }, step) => {
    const theirs = other.losses[step]!;
    assert.ok(
      Math.abs(loss - theirs.loss) <= 1e-5 * Math.abs(loss),
      `${name}, step ${step}: ${theirs.loss} for ${loss}`,
    );
    for (const [objective, value] of Object.entries(losses))
      assert.ok(Math.abs(value! - theirs.losses[objective as 'mlm']!) <= 1e-5 * Math.max(1, value!), `${objective}`);
  });
  for (const [parameter, values] of one.values) {
    const theirs = other.values.get(parameter)!;
    const differ = values.filter((value, at) => Math.abs(value - theirs[at]!) > 1e-5).length;
    assert.ok(
      differ <= Math.max(1, 0.002 * values.length),
      `${name}, ${parameter}: ${differ} of ${values.length} differ`,
    );
  }
}

for (const [name, own] of [
  ['hard negatives and shortcuts', {}],
  ["the paper's pass", { hardNegatives: false, cleanMatching: false }],
  ['two batches an update', { accumulate: 2, hardNegatives: false }],
] as [string, Partial<PretrainOptions>][]) {
  test(`several devices learn what one learns: ${name}`, async () => {
    const one = await run(own);
    for (const devices of name === "the paper's pass" ? [2, 3] : [2])
      assertSame(one, await run({ ...own, devices }), `${devices} devices`);
  });
}

test('towers lie on their devices, forward and backward, and what they share on the first', async () => {
  const [graph] = await startedSessions(() => run({ devices: 2, steps: 1 }), { endAtStart: true });
  const counted = (op: string, device: number) =>
    graph!.nodes.filter((node) => node.op === op && node.device === `/device:CPU:${device}`).length;
  assert.ok(graph!.nodes.every(({ device }) => device !== undefined));
  assert.equal(counted('ResourceApplyAdam', 1), 0);
  assert.ok(counted('ResourceApplyAdam', 0) > 0);
  // Of the attention: scores and their use, forward, and the four products of their gradients.
  const layers = deep.layers;
  const encoders = 4;
  const attention = graph!.nodes.filter(({ op, attr }) => op === 'BatchMatMulV2' && attr.adj_x !== undefined);
  const on = (device: number) => attention.filter((node) => node.device === `/device:CPU:${device}`).length;
  assert.ok(on(1) >= layers * encoders * 6, `${on(1)} products on the second device`);
  assert.ok(Math.abs(on(0) - on(1)) / on(0) < 0.35, `${on(0)} and ${on(1)}`);
});

test('devices repeat bit for bit, stopped half-way too', async () => {
  const own = { devices: 2, objectives: { mlm: 1, moc: 0, mrfr: 1, itm: 0, itc: 1 }, hardNegatives: false };
  const first = await run(own);
  const stopped = await run(own, { stopAt: 3 });
  assert.equal(stopped.losses.length, 3);
  const rest = await run({ ...own, runDir: stopped.runDir });
  const lossesOf = (...runs: readonly Run[]) => runs.flatMap(({ losses }) => losses.map(({ loss }) => loss));
  assert.deepEqual(lossesOf(stopped, rest), lossesOf(first));
  assert.deepEqual(rest.values, first.values);
});

test('bfloat16 on two devices is bfloat16 on one', async () => {
  const [one, two] = [
    await run({ precision: 'bf16', steps: 1 }),
    await run({ precision: 'bf16', steps: 1, devices: 2 }),
  ];
  const [wanted, got] = [one, two].map(({ losses }) => losses[0]!.loss) as [number, number];
  assert.ok(Math.abs(wanted - got) < 1e-3 * wanted, `${got} for ${wanted}`);
});

test('what devices cannot share is refused', async () => {
  await assert.rejects(run({ devices: 5 }), /Expected a number of pairs that 5 devices divide for --batch-size but received 12/); // biome-ignore format: one line
  await assert.rejects(run({ devices: 2, xla: true }), /Expected one device for --devices with --xla but received 2/);
});
