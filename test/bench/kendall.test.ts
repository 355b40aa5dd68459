/** What scipy 1.17.1 gives for the same numbers (`scipy.stats.kendalltau`, variants b and c), made once: kendall.json. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { tauB, tauC } from '../../bench/kendall.ts';

interface Case {
  readonly name: string;
  readonly scores: readonly number[];
  readonly marks: readonly number[];
  readonly tauB: number;
  readonly tauC: number;
}

const cases = JSON.parse(readFileSync(new URL('kendall.json', import.meta.url), 'utf8')) as Case[];

for (const { name, scores, marks, ...scipy } of cases) {
  test(`τ_b and τ_c are scipy's: ${name}`, () => {
    assert.ok(Math.abs(tauB(scores, marks) - scipy.tauB) < 1e-9, `${tauB(scores, marks)} for ${scipy.tauB}`);
    assert.ok(Math.abs(tauC(scores, marks) - scipy.tauC) < 1e-9, `${tauC(scores, marks)} for ${scipy.tauC}`);
  });
}
