import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { specialPieces, tokenizerOf } from '../../../model/data/tokenizer.ts';
import { VocabularyLearner, type VocabularyOptions } from '../../../model/data/vocabulary.ts';

function learn(texts: readonly string[], options?: VocabularyOptions): string[] {
  const learner = new VocabularyLearner();
  for (const text of texts) learner.add(text);
  return learner.learn(options);
}

test('frequent neighbours become pieces, most frequent first', () => {
  // low ×5, lower ×2, newest ×6, widest ×3: the example of the paper on byte-pair encoding.
  const text = `${'low '.repeat(5)}${'lower '.repeat(2)}${'newest '.repeat(6)}${'widest '.repeat(3)}`;
  const pieces = learn([text], { minCount: 3 });
  const merged = pieces.slice(specialPieces.length).filter((piece) => [...piece.replace('##', '')].length > 1);
  assert.deepEqual(merged, [
    '##es',
    '##est',
    '##ow',
    'low',
    '##ew',
    '##ewest',
    'newest',
    '##dest',
    '##idest',
    'widest',
  ]);
  assert.deepEqual(pieces.slice(0, 5), [...specialPieces]);
});

test('the size is kept, and characters beyond the limit are unknown', () => {
  const texts = ['aaaa bbb cc d'];
  assert.equal(learn(texts, { size: 9 }).length, 9);
  const tokenizer = tokenizerOf(learn(texts, { maxCharacters: 2 }));
  assert.deepEqual(tokenizer.encode('c'), [tokenizer.unkId]);
  assert.notDeepEqual(tokenizer.encode('b'), [tokenizer.unkId]);
});

test('no texts give the special pieces', () => {
  assert.deepEqual(learn([]), [...specialPieces]);
});

const words = fc.array(fc.constantFrom('red', 'reds', 'bread', 'bed', 'rare', 'dare', 'der', 'aabaab', 'baaab'), {
  maxLength: 60,
});

test('the order of the texts does not matter, and every text can be told apart', () => {
  fc.assert(
    fc.property(words, words, (a, b) => {
      const one = learn([...a, ...b], { size: 60 });
      assert.deepEqual(learn([...b, ...a].reverse(), { size: 60 }), one);
      assert.equal(new Set(one).size, one.length);
      const tokenizer = tokenizerOf(one);
      for (const word of [...a, ...b]) assert.equal(tokenizer.decode(tokenizer.encode(word)), word);
    }),
    { numRuns: 30 },
  );
});
