import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { placeOf, takeOwnGpu } from '../../cli/ranks.ts';
import { runTexts } from '../../dataset/export/takedown-texts.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { writeSmallShards } from '../model/small-shards.ts';

const launched = { RANK: '3', WORLD_SIZE: '8', MASTER_ADDR: 'node-1', MASTER_PORT: '29400' };

test('a process knows its rank by flags, or by the variables of a launcher', () => {
  assert.equal(placeOf({}, {}), undefined);
  const flags = { rank: 1, ranks: 4, coordinator: '10.0.0.1:29500' };
  const wanted = { rank: 1, count: 4, coordinator: { host: '10.0.0.1', port: 29_500 } };
  assert.deepEqual(placeOf(flags, {}), wanted);
  assert.deepEqual(placeOf(flags, launched), wanted, 'flags win');
  assert.deepEqual(placeOf({ ...flags, coordinator: '[fd00::1]:80' }, {})!.coordinator, { host: 'fd00::1', port: 80 });
  const place = { rank: 3, count: 8, coordinator: { host: 'node-1', port: 29_400 } };
  assert.deepEqual(placeOf({}, launched), place);
  // torchrun's own store listens at its port.
  const agent = placeOf({}, { ...launched, TORCHELASTIC_USE_AGENT_STORE: 'True' });
  assert.deepEqual(agent!.coordinator.port, 29_401);
  assert.equal(placeOf({}, { RANK: '0' }), undefined, 'others set RANK too');
});

test('what is no rank is refused in one line', () => {
  const flags = { rank: 1, ranks: 4, coordinator: 'a:1' };
  assert.throws(() => placeOf({ rank: 1 }, {}), /Expected --rank, --ranks and --coordinator together/);
  assert.throws(
    () => placeOf({ ...flags, rank: 4 }, {}),
    /Expected a number below --ranks 4 for --rank but received 4/,
  );
  for (const coordinator of ['a', 'a:0', 'a:70000', 'a b:1', 'http://a:1', ':1', '::1:5'])
    assert.throws(() => placeOf({ ...flags, coordinator }, {}), /Expected HOST:PORT for --coordinator/, coordinator);
  assert.throws(() => placeOf({}, { ...launched, RANK: 'x' }), /Expected a whole number for RANK but received x/);
  assert.throws(() => placeOf({}, { ...launched, RANK: '8' }), /Expected a number below WORLD_SIZE 8 for RANK/);
});

test('a launched process takes the GPU of its number, unless somebody has said otherwise', () => {
  const of = (environment: NodeJS.ProcessEnv) => {
    takeOwnGpu(environment);
    return environment.CUDA_VISIBLE_DEVICES;
  };
  assert.equal(of({ ...launched, LOCAL_RANK: '2' }), '2');
  assert.equal(of({ ...launched, LOCAL_RANK: '2', CUDA_VISIBLE_DEVICES: '5' }), '5');
  assert.equal(of({ LOCAL_RANK: '2' }), undefined);
});

test('a run goes on with a rank that has no folder of it; Ctrl-C in one rank ends all with 130, and no texts stay', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'lait-cli-ranks-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const corpora = [join(root, 'a/birds'), join(root, 'b/birds')] as const;
  for (const corpus of corpora) await writeSmallShards(corpus, { count: 40, seed: 1, detector: 'centernet' });
  const lait = (corpus: string, steps: number, ...more: string[]) => {
    const cli = join(import.meta.dirname, '../../cli/lait.mjs');
    const own = ['--preset', 'tiny', '--batch-size', '4', '--vocabulary-size', '200', '--steps', String(steps)];
    const child = spawn(process.execPath, [cli, 'pretrain', '--corpus', corpus, ...own, ...more]);
    let said = '';
    const listeners: (() => void)[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes) => {
        said += bytes;
        for (const listen of listeners) listen();
      });
    const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, said }));
    const says = (what: RegExp) => new Promise<void>((resolve) => listeners.push(() => what.test(said) && resolve()));
    return { child, ended, says };
  };
  const alone = await lait(corpora[0], 2, '--evaluate-every-steps', '900').ended;
  assert.equal(alone.code, 0, alone.said);

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  const together = ['--ranks', '2', '--coordinator', `127.0.0.1:${port}`, '--data-changed', 'ok', '--evaluate-every-steps', '900', '--checkpoint-every-steps', '4']; // biome-ignore format: one line
  makeFolder(runTexts(join(corpora[1], 'runs/pretrain')));
  const [first, second] = [lait(corpora[0], 4000, '--rank', '0', ...together), lait(corpora[1], 4000, '--rank', '1', ...together)]; // biome-ignore format: one line
  await Promise.race([first.says(/step +4 /), first.ended, second.ended]);
  second.child.kill('SIGINT');
  const [one, other] = await Promise.all([first.ended, second.ended]);
  assert.deepEqual([one.code, other.code], [130, 130], one.said + other.said);
  assert.match(one.said, /^stopped at step \d+, saved; the same command goes on$/m);
  assert.match(other.said, /rank 1: stopped at step \d+, saved; the same command goes on$/m);
  assert.equal(existsSync(runTexts(join(corpora[1], 'runs/pretrain'))), false);
});
