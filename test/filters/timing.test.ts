import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drop, type Filter, type ImageSample, keep, type ScoredFilter } from '../../filters/filter.ts';
import type { Recipe } from '../../filters/recipe.ts';
import { decoding, timed } from '../../filters/timing.ts';
import { sample } from './sample.ts';

/** Works for a time that the clock sees. */
const busy = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};
const text = (name: string, judge: Filter['judge']): Filter => ({ name, settings: {}, judge });
const onPixels = (name: string): ScoredFilter => ({
  name,
  settings: {},
  scoreName: name,
  subject: 'image',
  score: (samples) => Promise.all(samples.map(async ({ pixels }) => (await pixels())?.width ?? null)),
  judge: () => keep,
});
const image = (width: number): ImageSample => {
  const pixels = Promise.resolve({ grey: new Uint8Array(width), width, height: 1 });
  return { ...sample({}), bytes: Buffer.alloc(0), pixels: () => pixels };
};

describe('timed', () => {
  it('changes no verdict and no score, and counts what each rule was asked', async () => {
    const recipe: Recipe = {
      clean: { name: 'text/clean', settings: {}, clean: (words) => words.trim() },
      text: [
        text('text/sync', ({ text: words }) => (words === 'no' ? drop('no') : keep)),
        text('text/never', () => drop('never')),
        text('text/unasked', () => keep),
      ],
      image: [],
      scored: [onPixels('image/one'), onPixels('image/two')],
      corpus: [{ name: 'corpus/all', settings: {}, drops: async () => [{ id: 'a', reason: 'all' }] }],
    };
    const { recipe: watched, times } = timed(recipe);
    assert.equal(watched.clean!.clean(' a '), 'a');
    for (let at = 0; at < 40; at++) {
      const words = at % 2 ? 'no' : 'yes';
      assert.deepEqual(watched.text[0]!.judge(sample({ text: words })), at % 2 ? drop('no') : keep);
      assert.deepEqual(watched.text[1]!.judge(sample({ text: words })), drop('never'));
    }
    const images = [image(3), image(5)];
    for (const rule of watched.scored!) assert.deepEqual(await rule.score(images), [3, 5]);
    assert.deepEqual(await watched.corpus[0]!.drops(undefined as never), [{ id: 'a', reason: 'all' }]);
    assert.deepEqual(Object.fromEntries([...times].map(([rule, { asked }]) => [rule, asked])), {
      'text/clean': 1,
      'text/sync': 40,
      'text/never': 40,
      'image/one': 2,
      // Both rules look at the same two pictures.
      [decoding]: 2,
      'image/two': 2,
      'corpus/all': 0,
    });
  });

  it('gives a rule its own time and decoding its own', async () => {
    const slow = text('text/slow', () => {
      busy(2);
      return keep;
    });
    const picture: ImageSample = {
      ...image(1),
      pixels: async () => {
        busy(20);
        return null;
      },
    };
    const { recipe, times } = timed({ text: [slow], image: [], scored: [onPixels('image/one')], corpus: [] });
    for (let at = 0; at < 16; at++) recipe.text[0]!.judge(sample({}));
    await recipe.scored![0]!.score([picture]);
    // One call of sixteen is timed and stands for all: 2 ms each.
    assert.ok(times.get('text/slow')!.ms >= 32);
    assert.ok(times.get(decoding)!.ms >= 20);
  });
});
