import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { clock, startProgress } from '../../cli/progress.ts';

describe('progress in a pipe', () => {
  it('ends with a plain line of the last state', () => {
    const out = new PassThrough();
    const progress = startProgress('Filtering', out as unknown as NodeJS.WriteStream);
    progress.update({ done: 1, total: 4 });
    progress.update({ done: 3, total: 4, detail: 'http://a/\u001b[1m' });
    progress.stop();
    progress.stop();
    assert.equal(String(out.read()), `Filtering ${'█'.repeat(18)}${'░'.repeat(6)} 3/4  http://a/�[1m\n`);
  });

  it('without a total counts', () => {
    const out = new PassThrough();
    const progress = startProgress('Crawling', out as unknown as NodeJS.WriteStream);
    progress.update({ done: 12 });
    progress.stop();
    assert.equal(String(out.read()), 'Crawling 12\n');
  });
});

describe('clock', () => {
  for (const [ms, text] of [
    [0, '0:00'],
    [65_400, '1:05'],
    [7_390_000, '2:03:10'],
    [-5, '0:00'],
  ] as const) {
    it(`shows ${ms} ms as ${text}`, () => assert.equal(clock(ms), text));
  }
});
