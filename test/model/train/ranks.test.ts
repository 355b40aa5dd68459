/** A run of several processes, on this machine: gradients go between their TensorFlow servers as they would between machines. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { PretrainOptions } from '../../../model/train/pretrain.ts';
import { openRanks } from '../../../model/train/ranks.ts';
import { freePort } from '../../helpers/free-port.ts';
import { config } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-ranks-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;

interface Line {
  readonly step?: number;
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
  readonly weights?: string;
}

interface Ended {
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly errors: string;
}

const newDir = (): string => {
  made += 1;
  return join(root, `run${made}`);
};

/** Runs all ranks of `ranks`, or one process alone for 0; `onLine` may end one of them, `last` are options of the last rank alone. */
async function together(
  ranks: number,
  runDir: string,
  own: Partial<PretrainOptions> = {},
  { onLine, only, deadlineMs, last }: { onLine?: (line: Line, children: readonly ChildProcess[]) => void; only?: readonly number[]; deadlineMs?: number; last?: object } = {}, // biome-ignore format: one line
): Promise<Ended[]> {
  const port = await freePort();
  const children: ChildProcess[] = [];
  const ends = (only ?? Array.from({ length: Math.max(1, ranks) }, (_, rank) => rank)).map(async (rank) => {
    const isLast = rank > 0 && rank === ranks - 1;
    const task = JSON.stringify({ rank, ranks, port, runDir, own: { ...own, ...(isLast && last) }, deadlineMs });
    const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'rank-child.ts'), task], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const lines: Line[] = [];
    let [text, errors] = ['', ''];
    child.stdout.on('data', (bytes) => {
      text += bytes;
      const whole = text.split('\n');
      text = whole.pop()!;
      for (const one of whole) {
        const line = JSON.parse(one) as Line;
        lines.push(line);
        onLine?.(line, children);
      }
    });
    child.stderr.on('data', (bytes) => {
      errors += bytes;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, lines, errors };
  });
  return Promise.all(ends);
}

const steps = (ended: Ended): Line[] => ended.lines.filter(({ step }) => step !== undefined);

function assertSame(alone: Ended, first: Ended, name: string): void {
  assert.deepEqual([first.code, first.errors], [0, ''], name);
  assert.equal(steps(first).length, steps(alone).length, name);
  steps(alone).forEach((wanted, at) => {
    const got = steps(first)[at]!;
    const numbers = (line: Line) => ({ loss: line.loss, ...line.losses, gradientNorm: line.gradientNorm });
    for (const [what, value] of Object.entries(numbers(wanted))) {
      const theirs = (numbers(got) as Record<string, number>)[what]!;
      assert.ok(Math.abs(theirs - value) <= 1e-5 * Math.max(1, value), `${name}, step ${at}, ${what}: ${theirs} for ${value}`); // biome-ignore format: one line
    }
  });
}

const oneLayer = { config: { ...config, layers: 1 }, validation: [] };
for (const [name, own] of [
  ['the default objectives', {}],
  ['hard negatives', { hardNegatives: true }],
  ["two batches an update, in the paper's pass", { accumulate: 2, cleanMatching: false }],
  // One layer and few objectives: each cluster of each process is compiled.
  [
    'element-wise ops fused by XLA',
    { xla: true, ...oneLayer, objectives: { mlm: 1, moc: 0, mrfr: 0, itm: 0, itc: 0 }, steps: 3 },
  ],
] as [string, Partial<PretrainOptions>][]) {
  test(`two ranks, and three, learn what one process learns: ${name}`, async () => {
    const [alone] = (await together(0, newDir(), own)) as [Ended];
    for (const ranks of own.hardNegatives || own.xla ? [2] : [2, 3]) {
      const [first, ...others] = (await together(ranks, newDir(), own)) as [Ended, ...Ended[]];
      assertSame(alone, first, `${ranks} ranks`);
      for (const other of others) assert.deepEqual([other.code, steps(other), other.errors], [0, [], '']);
    }
  });
}

test('two ranks that are fed ahead learn the same bits, on two devices each and by two batches an update', async () => {
  // Little beside what reads features.
  const objectives = { mlm: 1, moc: 0, mrfr: 1, itm: 0, itc: 0 };
  const own = { objectives, ...oneLayer, devices: 2, accumulate: 2, steps: 4 };
  const ended = async (stagesAhead: boolean): Promise<Ended> =>
    (await together(2, newDir(), { ...own, ...{ halves: true, stagesAhead } }))[0]!;
  const [fed, ahead] = [await ended(false), await ended(true)];
  assert.deepEqual([ahead.code, ahead.errors], [0, '']);
  assert.equal(steps(ahead).length, 4);
  assert.deepEqual(ahead.lines, fed.lines);
});

test('a rank that is killed ends all with one line; started again the run is the undisturbed one, bit for bit', async () => {
  const [undisturbed, killed] = [newDir(), newDir()];
  const [whole] = (await together(2, undisturbed, { devices: 2, ema: 0.9 })) as [Ended];
  const [first, second] = (await together(
    2,
    killed,
    { devices: 2, ema: 0.9 },
    {
      onLine: ({ step }, children) => step === 5 && children[1]!.kill('SIGKILL'),
    },
  )) as [Ended, Ended];
  assert.equal(second.code, null);
  assert.equal(first.code, 1);
  assert.equal(first.errors, 'Rank 1 of 2 has ended; start all ranks again with the same commands, and the run goes on from its last checkpoint.\n'); // biome-ignore format: one line
  const [rest] = (await together(2, killed, { devices: 2, ema: 0.9 })) as [Ended];
  assert.equal(steps(rest)[0]!.step, 5, 'after the evaluation of step 4, which was the best');
  assert.deepEqual(steps(rest), steps(whole).slice(4));
  assert.equal(rest.lines.at(-1)!.weights, whole.lines.at(-1)!.weights);
  // Rank 0, too.
  const ends = await together(2, newDir(), {}, { onLine: ({ step }, children) => step === 2 && children[0]!.kill('SIGKILL') }); // biome-ignore format: one line
  assert.deepEqual([ends[1]!.code, ends[1]!.errors.slice(0, 26)], [1, 'Rank 0 of 2 has ended; sta']);
});

test('a signal to any rank stops all after the same step, saved', async () => {
  const runDir = newDir();
  const ends = await together(2, runDir, { steps: 400 }, { onLine: ({ step }, children) => step === 3 && children[1]!.kill('SIGTERM') }); // biome-ignore format: one line
  assert.deepEqual(ends.map(({ code }) => code), [0, 0]); // biome-ignore format: one line
  const last = steps(ends[0]!).at(-1)!.step!;
  assert.ok(last < 400);
  const [rest] = (await together(2, runDir, { steps: last + 1 })) as [Ended];
  assert.deepEqual(steps(rest).map(({ step }) => step), [last + 1]); // biome-ignore format: one line
});

test('a rank that never comes, comes twice or learns something else is named', async () => {
  const [first, second] = (await together(3, newDir(), {}, { only: [0, 1], deadlineMs: 4000 })) as [Ended, Ended];
  assert.match(first.errors, /^Expected 3 ranks at 127\.0\.0\.1:\d+ but 2 did not come within 4 s;/);
  assert.deepEqual([first.code, second.code, second.errors], [2, 2, first.errors]);
  const [alone] = (await together(2, newDir(), {}, { only: [1], deadlineMs: 1000 })) as [Ended];
  assert.match(alone.errors, /^Expected rank 0 for --coordinator within 1 s but received 127\.0\.0\.1:\d+;/);
  const twice = await together(3, newDir(), {}, { only: [0, 1, 1], deadlineMs: 20_000 });
  assert.match(twice[0]!.errors, /^Expected one rank 1 but received two;/);
});

test('ranks that would learn from another order, or at another rate, do not begin', async () => {
  for (const [name, last, line] of [
    ['an encoder rate', { encoderRate: 0.1 }, 'Expected 1 for encoderRate of rank 1, as of rank 0, but received 0.1;'],
    ['an order', { examplesSeed: 5 }, /^Expected \w{12} \(a digest\) for the order of the examples of rank 1/],
  ] as const) {
    const [first, second] = (await together(2, newDir(), {}, { last })) as [Ended, Ended];
    if (typeof line === 'string') assert.ok(second.errors.startsWith(line), `${name}: ${second.errors}`);
    else assert.match(second.errors, line, name);
    assert.equal(first.errors, `Rank 1 of 2: ${second.errors}`, name);
    assert.deepEqual([first.code, second.code, steps(first)], [1, 2, []], name);
  }
});

test('a rank whose server does not start says why, to the others too', async (t) => {
  const rankZero = createServer().listen(0, '127.0.0.1');
  await once(rankZero, 'listening');
  const { port } = rankZero.address() as { port: number };
  const coming = once(rankZero, 'connection') as Promise<[Socket]>;
  const opening = openRanks({ rank: 1, count: 2, coordinator: { host: '127.0.0.1', port } });
  const refused = assert.rejects(
    opening,
    /^UserError: Expected TensorFlow's server to start at 127\.0\.0\.1:\d+ but received: .*; start all ranks again\.$/,
  );
  const [socket] = await coming;
  const [hello] = (await once(socket, 'data')) as [Buffer];
  const { port: own } = (JSON.parse(hello.toString('utf8', 12)) as { hello: { port: number } }).hello;
  // Somebody else takes the port before the server does.
  const other = createServer().listen(own);
  await once(other, 'listening');
  t.after(() => [rankZero, other].map((server) => server.close()));
  let heard = '';
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1');
  });
  const closed = once(socket, 'end');
  const head = Buffer.from(JSON.stringify({ all: ['127.0.0.1:1', `127.0.0.1:${own}`] }));
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(head.length);
  socket.write(Buffer.concat([sizes, head]));
  await refused;
  await closed;
  socket.destroy();
  assert.match(heard.slice(12), /^\{"failed":\{"rank":1,"line":"Expected TensorFlow's server to start at/);
});
