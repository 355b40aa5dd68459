/** Settings that a run has fixed, and what a checkpoint cannot heed: another one is refused, and never passed over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReranks } from '../../cli/evaluate.ts';
import { checkVocabularySize } from '../../cli/pretrain.ts';

const hundred = Array.from({ length: 100 }, (_, at) => `piece${at}`);
for (const { was, wanted, refused } of [
  { was: 500, wanted: 500 },
  { was: 500, wanted: 600, refused: '500' },
  { was: 500, wanted: 100, refused: '500' },
  // Of an older version, which did not write down what was asked for.
  { was: undefined, wanted: 100 },
  { was: undefined, wanted: 600 },
  { was: undefined, wanted: 99, refused: '100' },
]) {
  test(`a run with 100 pieces of ${was ?? 'unknown'} asked for goes on with ${wanted}: ${refused ? 'refused' : 'yes'}`, () => {
    const state = { step: 1, seed: 0, position: { epoch: 0, window: 0, batch: 0 } };
    const settings = was === undefined ? {} : { settings: { vocabularySize: was } };
    const check = () => checkVocabularySize({ state: { ...state, ...settings }, vocabulary: hundred }, wanted);
    if (refused === undefined) return check();
    const message = `Expected ${refused}, as the run has it for --vocabulary-size but received ${wanted}; give that, or another --run to begin anew.`;
    assert.throws(check, { name: 'UserError', message });
  });
}

for (const { itm, itc, method, alone } of [
  { itm: 1, itc: 1, method: 'auto' },
  { itm: 1, itc: 0, method: 'auto', alone: 'itm' },
  { itm: 0, itc: 1, method: 'auto', alone: 'itc' },
  { itm: 1, itc: 0, method: 'rerank' },
] as const) {
  test(`candidates of a checkpoint with itm ${itm}, itc ${itc} by ${method}: ${alone ? 'refused' : 'heeded'}`, () => {
    const check = () => checkReranks({ dir: 'run', objectives: { mlm: 0, moc: 0, mrfr: 0, itm, itc } }, method);
    if (alone === undefined) return check();
    const message = `--candidates has no effect on run, which ranks by ${alone} alone; leave it out.`;
    assert.throws(check, { name: 'UserError', message });
  });
}
