/** `lait regions`, killed at several moments: the same command again detects the rest, and every sample has its own picture's features. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportShards } from '../../dataset/export/export.ts';
import { writeSmallCorpus } from '../dataset/small-corpus.ts';
import { ownFeatures } from '../helpers/own-features.ts';

const corpus = mkdtempSync(join(tmpdir(), 'lait-regions-killed-'));
const folder = join(corpus, 'regions/patches');
const images = 60;
after(() => rmSync(corpus, { recursive: true }));
before(async () => {
  await writeSmallCorpus(corpus, { images });
  await exportShards({ corpusDir: corpus, samplesPerShard: 10, validationFraction: 0.2 });
  writeFileSync(join(corpus, 'lait.yaml'), 'regions:\n  detector: patches\n');
});

function start() {
  const cli = join(import.meta.dirname, '../../cli/lait.mjs');
  const child = spawn(process.execPath, [cli, 'regions', '--corpus', corpus]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return { child, closed: once(child, 'close'), printed: () => output };
}

const files = (ending: string) =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(ending)) : [];
const bytesOf = (ending: string) => files(ending).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

test('SIGKILL of lait regions at several moments, then the same command', async () => {
  const undisturbed = start();
  await undisturbed.closed;
  assert.match(undisturbed.printed(), new RegExp(`; 0 kept, ${images} new, 0 without`));
  const allBytes = bytesOf('.tar');
  const allIndexed = bytesOf('.index');
  const killedInside: number[] = [];
  // As soon as the folder and the first name of a picture are there, and in the middle of the work.
  const moments: (() => boolean)[] = [
    () => existsSync(folder),
    () => bytesOf('.index') > 0,
    () => bytesOf('.tar') > 0.2 * allBytes,
    () => bytesOf('.index') > 0.5 * allIndexed,
  ];
  for (const [number, isTime] of moments.entries()) {
    rmSync(folder, { recursive: true });
    const { child, closed, printed } = start();
    while (child.exitCode === null && !isTime()) await new Promise(setImmediate);
    child.kill('SIGKILL');
    await closed;
    if (child.signalCode === 'SIGKILL') killedInside.push(number);
    else assert.match(printed(), /0 without/);
    const again = start();
    await again.closed;
    assert.equal(again.child.exitCode, 0, again.printed());
    const [, kept = '', found = ''] = /; (\d+) kept, (\d+) new, 0 without/.exec(again.printed()) ?? [];
    assert.equal(Number(kept) + Number(found), images, again.printed());
    assert.deepEqual(await ownFeatures(corpus), { samples: images, own: images });
    // No torn member and none twice.
    const members = files('.tar').flatMap((name) =>
      execFileSync('tar', ['tf', join(folder, name)], { encoding: 'utf8' })
        .trim()
        .split('\n'),
    );
    assert.equal(new Set(members).size, members.length);
    assert.equal(bytesOf('.tar'), allBytes);
  }
  assert.ok(killedInside.length >= 2, `killed at ${killedInside}`);
});
