import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import { checkpoints, latestCheckpoint, readCheckpoint, readOptimizer } from '../../../model/train/checkpoint.ts';
import { weightsSha256 } from '../../../model/train/made-from.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-checkpoint-'));
after(() => rmSync(root, { recursive: true }));
const child = join(import.meta.dirname, 'save-child.ts');

/** Runs the child, under a limit on the size of files if one is given, until it ends or `stop` is called. */
async function save(
  args: readonly string[],
  { fileKib, onLine }: { fileKib?: number; onLine?: (line: string, stop: () => void) => void } = {},
): Promise<string[]> {
  const limit = fileKib === undefined ? '' : `ulimit -f ${fileKib};`;
  const command = `${limit} exec "${process.execPath}" --import tsx "${child}" "$@"`;
  const running = spawn('bash', ['-c', command, 'bash', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(running, 'exit');
  const lines: string[] = [];
  for await (const chunk of running.stdout) {
    for (const line of String(chunk).trim().split('\n')) {
      lines.push(line);
      onLine?.(line, () => running.kill('SIGKILL'));
    }
  }
  await exited;
  return lines;
}

test('a kill at any moment of saving leaves the last good checkpoint whole', async () => {
  const kills = Number(process.env.LAIT_KILLS ?? 3);
  const draw = random(kills);
  for (let round = 0; round < kills; round++) {
    const dir = join(root, `killed${round}`);
    const lines = await save([dir], {
      onLine: (line, stop) => void (line === '5' && setTimeout(stop, draw.next() * 60)),
    });
    const said = Number(lines.at(-1));
    const newest = readCheckpoint(dir);
    // It may have been renamed before the child could say so.
    assert.ok(newest.state.step === said || newest.state.step === said + 1, `${newest.state.step} after ${said}`);
    assert.deepEqual(newest.values, startValues(parameterSpecs(newest.config), newest.state.step));
    assert.equal(readOptimizer(newest).size, 2 * newest.values.size);
    // The next run removes what was left half written.
    await save([dir, '900000', '900000']);
    assert.deepEqual(readdirSync(join(dir, 'checkpoints')).filter((name) => name.endsWith('.partial')), []); // biome-ignore format: one line
    assert.equal(basename(latestCheckpoint(dir) as string), 'step-00900000');
  }
});

test('no room is one line that says so; earlier checkpoints are whole and nothing half written stays', async () => {
  const dir = join(root, 'full');
  await save([dir, '1', '1']);
  const size = statSync(join(dir, 'checkpoints/step-00000001/model.safetensors')).size;
  const [line = ''] = await save([dir, '2', '2'], { fileKib: Math.floor(size / 2048) });
  const error = JSON.parse(line) as { name: string; message: string; exitCode: number };
  assert.match(
    error.message,
    /^Expected room to write .*step-00000002 but received EFBIG; earlier checkpoints are whole/,
  );
  assert.deepEqual([error.name, error.exitCode], ['UserError', 1]);
  assert.deepEqual(readdirSync(join(dir, 'checkpoints')), ['step-00000001']);
  assert.equal(readCheckpoint(dir).state.step, 1);
});

test('a torn checkpoint is named, with the one to go on from', async () => {
  const dir = join(root, 'torn');
  await save([dir, '1', '2']);
  const [first, second] = checkpoints(dir) as [string, string];
  const torn: [file: string, read: () => unknown][] = [
    ['optimizer.safetensors', () => readOptimizer(readCheckpoint(dir))],
    ['model.safetensors', () => readCheckpoint(dir)],
    ['training.json', () => readCheckpoint(dir)],
  ];
  for (const [file, read] of torn) {
    truncateSync(join(second, file), Math.floor(statSync(join(second, file)).size / 2));
    assert.throws(read, (error: Error) => {
      assert.equal(error.name, 'UserError', error.stack);
      assert.ok(error.message.includes(join(second, file)), error.message);
      assert.ok(error.message.endsWith(`remove ${second} and run the same command to go on from step-00000001.`));
      return true;
    });
  }
  rmSync(join(second, 'vocab.txt'));
  assert.throws(() => readCheckpoint(dir), { name: 'UserError' });
  rmSync(second, { recursive: true });
  assert.equal(readCheckpoint(dir).dir, first);
  truncateSync(join(first, 'model.safetensors'), 100);
  assert.throws(() => readCheckpoint(dir), { name: 'UserError', message: /; there is none before it\.$/ });
  assert.equal(existsSync(first), true, 'nothing is removed by itself');
});

test('sizes that somebody else has written are looked at before anything is made of them', async () => {
  const dir = join(root, 'sizes');
  await save([dir, '1', '2']);
  const [, only] = checkpoints(dir) as [string, string];
  rmSync(join(only, 'checksums.json'));
  const path = join(only, 'config.json');
  const json = JSON.parse(readFileSync(path, 'utf8'));
  const { config } = json.lait;
  for (const change of [
    { layers: 1e9 },
    { layers: -1 },
    { heads: 3 },
    { hiddenSize: 0.5 },
    { maxPieces: 1e9 },
    { maxPieces: 'x' },
    { maxRegions: 1e9 },
    { vocabularySize: null },
    { dropout: 2 },
  ]) {
    writeFileSync(path, JSON.stringify({ ...json, lait: { ...json.lait, config: { ...config, ...change } } }));
    const [name] = Object.keys(change) as [string];
    assert.throws(() => readCheckpoint(dir), { name: 'UserError', message: new RegExp(` for ${name} but received `) });
  }
  for (const lait of [undefined, 1, { ...json.lait, config: 1 }, { ...json.lait, objectives: null }]) {
    writeFileSync(path, JSON.stringify({ ...json, lait }));
    assert.throws(() => readCheckpoint(dir), { name: 'UserError', message: /it lacks our part of config\.json/ });
  }
  writeFileSync(path, 'null');
  assert.throws(() => readCheckpoint(dir), { name: 'UserError', message: /it lacks our part of config\.json/ });
});

/** Turns one bit of a file. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

test('a single bit that is not as it was written is found, in each file; what has no checksums says so', async () => {
  const dir = join(root, 'flipped');
  await save([dir, '1', '2']);
  const [, second] = checkpoints(dir) as [string, string];
  assert.equal(readCheckpoint(dir).verified, true);
  for (const name of ['model.safetensors', 'optimizer.safetensors', 'config.json', 'training.json', 'vocab.txt']) {
    const path = join(second, name);
    const at = statSync(path).size - 3;
    flip(path, at);
    assert.throws(
      () => readOptimizer(readCheckpoint(dir)),
      (error: Error) =>
        error.message ===
        `Expected ${path} as it was written but its checksum is another: it is damaged or was changed; remove ${second} and run the same command to go on from step-00000001.`,
      name,
    );
    flip(path, at);
  }
  const sums = join(second, 'checksums.json');
  const { 'model.safetensors': model } = JSON.parse(readFileSync(sums, 'utf8'));
  const sha256 = createHash('sha256').update(readFileSync(join(second, 'model.safetensors'))).digest('hex'); // biome-ignore format: one line
  assert.equal(model.sha256, sha256);
  assert.equal(weightsSha256(join(second, 'model.safetensors')), sha256);
  rmSync(sums);
  assert.deepEqual([readCheckpoint(dir).verified, readCheckpoint(dir).state.step], [false, 2]);
  assert.equal(weightsSha256(join(second, 'model.safetensors')), sha256);

  const training = join(second, 'training.json');
  const { step: _, ...rest } = JSON.parse(readFileSync(training, 'utf8'));
  for (const [state, faulty] of [
    [rest, 'step'],
    [{ ...rest, step: -1 }, 'step'],
    [{ ...rest, step: '2' }, 'step'],
    [{ ...rest, step: 2, seed: null }, 'seed'],
    [{ ...rest, step: 2, position: { epoch: 0, window: 0 } }, 'position'],
    [{ ...rest, step: 2, best: { step: 1 } }, 'best'],
    [null, 'step'],
  ] as const) {
    writeFileSync(training, JSON.stringify(state));
    assert.throws(() => readCheckpoint(dir), {
      name: 'UserError',
      message: new RegExp(
        `^Expected a usable ${faulty} for .*training.json but received .* to go on from step-00000001`,
      ),
    });
  }
});
