import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openScoreLog } from '../../../model/retrieval/score-log.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-scores-'));
after(() => rmSync(root, { recursive: true }));

function written(name: string): string {
  const folder = mkdtempSync(join(root, name));
  const log = openScoreLog(folder, 'a', 5);
  log.add([3, 0], Float32Array.of(0.25, -1));
  log.add([4], Float32Array.of(7));
  log.close();
  return folder;
}

const fileOf = (folder: string): string => join(folder, readdirSync(folder)[0]!);

const known = (folder: string, key: string): number[] => {
  const log = openScoreLog(folder, key, 5);
  log.close();
  return [...log.known];
};

const all = [-1, Number.NaN, Number.NaN, 0.25, 7];
const none = new Array<number>(5).fill(Number.NaN);

test('scores are known again, and more can be added', () => {
  const folder = written('again');
  assert.deepEqual(known(folder, 'a'), all);
  const log = openScoreLog(folder, 'a', 5);
  log.add([1], Float32Array.of(9));
  log.close();
  assert.deepEqual(known(folder, 'a'), all.with(1, 9));
});

for (const [damage, harm, expected] of [
  ['a torn last record', (file: string) => truncateSync(file, statSync(file).size - 3), all.with(4, Number.NaN)],
  ['zeros where a write was lost', (file: string) => appendFileSync(file, Buffer.alloc(16)), all],
  ['a place that is none', (file: string) => appendFileSync(file, Buffer.from('ffffffff00000000', 'hex')), all],
  ['a torn first line', (file: string) => truncateSync(file, 1), none],
  ['an empty file', (file: string) => truncateSync(file, 0), none],
] as const) {
  test(`${damage} costs no other score`, () => {
    const folder = written(damage);
    harm(fileOf(folder));
    assert.deepEqual(known(folder, 'a'), expected);
    const log = openScoreLog(folder, 'a', 5);
    log.add([2], Float32Array.of(5));
    log.close();
    assert.deepEqual(known(folder, 'a'), expected.with(2, 5));
  });
}

test('scores of something else are not taken, and stay', () => {
  const folder = written('other');
  assert.deepEqual(known(folder, 'b'), none);
  assert.deepEqual(known(folder, 'a'), all);
});

test('a log that is done with leaves no file', () => {
  const folder = written('done');
  openScoreLog(folder, 'a', 5).remove();
  assert.deepEqual(readdirSync(folder), []);
});
