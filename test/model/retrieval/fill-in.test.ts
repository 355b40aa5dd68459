/** What a checkpoint says where parts are hidden, and what it finds for texts, against what training and evaluation compute. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { recalls } from '../../../model/ranking/recall.ts';
import { similarities } from '../../../model/ranking/scoring.ts';
import { type FilledPair, fillIn } from '../../../model/retrieval/fill-in.ts';
import { findPictures, matchedPairs } from '../../../model/retrieval/found-pictures.ts';
import { openRetrievalModel } from '../../../model/retrieval/retrieval-model.ts';
import { type Checkpoint, readCheckpoint } from '../../../model/train/checkpoint.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-fill-in-'));
after(() => rmSync(root, { recursive: true }));

const examples = smallExamples(24);
const guessesOf = (pairs: readonly FilledPair[]) => pairs.map(({ pieces, regions }) => [pieces, regions].map((parts) => parts.map(({ at, guesses }) => ({ at, guesses })))); // biome-ignore format: one line

describe('a checkpoint', () => {
  let checkpoint: Checkpoint;
  before(async () => {
    const { checkpoint: dir } = await pretrain({
      ...{ runDir: join(root, 'run'), config, vocabulary, detector: 'test', source: memorySource(examples, 1) },
      ...{ steps: 120, batchSize: 8, learningRate: 1e-2, objectives: allObjectives },
    });
    checkpoint = readCheckpoint(dir);
  });

  it('is asked for what is hidden, and says what it has learned', () => {
    const filled = fillIn(checkpoint, examples);
    const parts = filled.flatMap(({ pieces, regions }) => [...pieces, ...regions]);
    filled.forEach(({ pieces, regions }, pair) => {
      assert.ok(pieces.length > 0);
      const { pieces: words, regions: own } = examples[pair]!;
      for (const { at, truth } of pieces) assert.equal(truth, words[at]);
      for (const { at, truth } of regions) assert.equal(truth, own.labels[at]);
    });
    for (const { guesses } of parts) {
      const shares = guesses.map(({ probability }) => probability);
      assert.equal(shares.length, 3);
      assert.deepEqual(
        shares,
        shares.toSorted((a, b) => b - a),
      );
      assert.ok(shares.reduce((sum, one) => sum + one, 0) <= 1.000_01);
    }
    // Of 60 pieces and 5 classes, by chance one of fifteen would be right.
    const right = parts.filter(({ truth, guesses }) => guesses[0]!.value === truth).length;
    assert.ok(5 * right > parts.length, `${right} of ${parts.length}`);
  });

  it('sees nothing of what is hidden, and everything else', () => {
    const some = examples.slice(0, 6);
    const filled = fillIn(checkpoint, some, { seed: 3 });
    /** The pairs with other words and features, where they are hidden or where they are not. */
    const changed = (where: 'hidden' | 'shown') =>
      some.map((example, pair) => {
        const own = filled[pair]!;
        const isChanged = (parts: FilledPair['pieces'], at: number) => parts.some((one) => one.at === at) === (where === 'hidden'); // biome-ignore format: one line
        const D = config.featureSize;
        return {
          ...example,
          pieces: example.pieces.map((piece, at) => (isChanged(own.pieces, at) ? 5 + ((piece + 7) % 50) : piece)),
          regions: {
            ...example.regions,
            features: Float32Array.from(example.regions.features, (value, at) =>
              isChanged(own.regions, Math.floor(at / D)) ? value + 1 : value,
            ),
          },
        };
      });
    assert.deepEqual(guessesOf(fillIn(checkpoint, changed('hidden'), { seed: 3 })), guessesOf(filled));
    assert.notDeepEqual(guessesOf(fillIn(checkpoint, changed('shown'), { seed: 3 })), guessesOf(filled));
    assert.notDeepEqual(guessesOf(fillIn(checkpoint, some, { seed: 4 })), guessesOf(filled));
  });

  it('is asked for nothing that it has not learned', () => {
    const objectives = { ...checkpoint.objectives, mlm: 0 };
    const filled = fillIn({ ...checkpoint, objectives }, examples.slice(0, 6));
    assert.ok(filled.every(({ pieces }) => pieces.length === 0));
    assert.ok(filled.some(({ regions }) => regions.length > 0));
    assert.deepEqual(fillIn({ ...checkpoint, objectives: { ...objectives, moc: 0 } }, examples.slice(0, 1)), [
      { pieces: [], regions: [] },
    ]);
    const none = { ...checkpoint, objectives: { ...objectives, itm: 0, itc: 0 } };
    assert.equal(findPictures(none, examples), null);
  });

  it('finds pictures for texts as retrieval is measured', () => {
    const set = { images: examples.map(({ regions }) => regions), texts: examples.map(({ pieces }) => pieces) };
    const owner = examples.map((_, at) => at);
    const model = openRetrievalModel(checkpoint, { batchPairs: 24, compiled: false });
    const expected = recalls(similarities(set, model), owner).image.r1;
    model.dispose();
    const { by, texts } = findPictures(checkpoint, examples)!;
    assert.equal(by, 'itc');
    assert.equal(texts.filter(({ rank }) => rank === 1).length / texts.length, expected);
    for (const [text, { rank, best }] of texts.entries()) {
      assert.equal(best.length, 3);
      assert.equal(rank <= 3 ? best.indexOf(text) + 1 : best.indexOf(text), rank <= 3 ? rank : -1);
    }
    const values = new Map([...checkpoint.values].filter(([name]) => !name.startsWith('itc.')));
    const alone = { ...checkpoint, values, objectives: { ...checkpoint.objectives, itc: 0 } };
    const matching = findPictures(alone, examples)!;
    assert.deepEqual([matching.by, matching.texts.length], ['itm', matchedPairs]);
  });
});
