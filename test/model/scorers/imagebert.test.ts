import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { tokenizerOf } from '../../../model/data/tokenizer.ts';
import type { Detector } from '../../../model/regions/region.ts';
import { matchTexts } from '../../../model/retrieval/match.ts';
import { tf } from '../../../model/runtime/backend.ts';
import { imageBertRelevance } from '../../../model/scorers/imagebert.ts';
import { latestCheckpoint } from '../../../model/train/checkpoint.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-imagebert-'));
after(() => rmSync(root, { recursive: true }));

const examples = smallExamples(40);

/** An image is the number of its example: what it shows is what training showed. */
let detected = 0;
const detector: Detector = {
  name: 'test',
  model: null,
  labels: ['thing'],
  featureSize: config.featureSize,
  batchSize: 2,
  detect: async (images) => {
    assert.ok(images.length <= 2);
    detected += images.length;
    return images.map((image) => examples[Number(image.toString())]?.regions ?? null);
  },
  dispose: () => {},
};
const tokenizer = tokenizerOf(vocabulary);
const pair = (image: number | string, text: number) => ({
  image: Buffer.from(String(image)),
  sha256: `sha${image}`,
  text: tokenizer.decode(examples[text]!.pieces),
});

describe('imageBertRelevance', () => {
  const run = join(root, 'run');
  const training = {
    source: memorySource(examples, 1),
    config,
    vocabulary,
    detector: 'test',
    batchSize: 8,
    objectives: { mlm: 1, moc: 1, mrfr: 1, itm: 1, itc: 1 },
  };
  before(() => pretrain({ ...training, runDir: run, steps: 2 }));

  it("gives ITM's probability of each pair, in order, and detects each image once", async () => {
    const pairs = [pair(0, 0), pair(1, 3), pair(0, 2), pair('broken', 1), pair(2, 2)];
    const relevance = imageBertRelevance(run, { detector, head: 'itm' });
    detected = 0;
    const scores = await relevance.score(pairs);
    relevance.dispose();
    assert.equal(detected, 4);
    const rows = matchTexts({
      checkpoint: run,
      images: [0, 1, 2].map((at) => examples[at]!.regions),
      texts: [0, 3, 2].map((at) => examples[at]!.pieces),
    });
    const expected = [rows[0]![0], rows[1]![1], rows[0]![2], null, rows[2]![2]];
    scores.forEach((score, at) => {
      const wanted = expected[at]!;
      if (wanted === null) assert.equal(score, null);
      else assert.ok(Math.abs(score! - wanted.probability!) < 1e-5, `${score} is ${wanted.probability}`);
    });
    assert.equal(new Set(scores).size, 5);
  });

  it("gives ITC's cosine when asked, the same for the same pair in another batch", async () => {
    const relevance = imageBertRelevance(run, { detector, head: 'itc' });
    const pairs = Array.from({ length: 70 }, (_, at) => pair(at % 7, at % 11));
    const together = await relevance.score(pairs);
    const alone = await relevance.score([pairs[69]!]);
    relevance.dispose();
    assert.ok(together.every((score) => score !== null && score >= -1.00001 && score <= 1.00001));
    assert.ok(Math.abs(together[69]! - alone[0]!) < 1e-5);
    assert.ok(new Set(together.map((score) => score!.toFixed(5))).size > 30);
  });

  it('is named after head, weights and detector; a checkpoint folder is its run', async () => {
    const name = (path: string, more: Partial<Parameters<typeof imageBertRelevance>[1]> = {}) => {
      const relevance = imageBertRelevance(path, { detector, ...more });
      relevance.dispose();
      return relevance.model;
    };
    assert.match(name(run, { head: 'itm' }), /^imagebert-itm-[0-9a-f]{12}$/);
    assert.equal(name(run), name(latestCheckpoint(run)!));
    // ITC where it was learned.
    assert.match(name(run), /^imagebert-itc-/);
    assert.notEqual(name(run), name(run, { head: 'itm' }));
    assert.notEqual(name(run), name(run, { detector: { ...detector, settings: { topK: 3 } } }));
    assert.notEqual(name(run), name(run, { detector: { ...detector, model: 'other weights' } }));
    // A run that was trained on lies where it lay and scores otherwise.
    const [was, path] = [name(run), join(root, 'trained-on')];
    cpSync(run, path, { recursive: true });
    assert.equal(name(path), was);
    await pretrain({ ...training, runDir: path, steps: 3, resume: true });
    assert.notEqual(name(path), was);
  });

  it('refuses another detector, another width, a head that was not learned, and what is no run', async () => {
    const open = (path: string, more: Partial<Parameters<typeof imageBertRelevance>[1]>) => () =>
      imageBertRelevance(path, { detector, ...more });
    const without = join(root, 'without');
    await pretrain({
      runDir: without,
      source: memorySource(examples, 1),
      config,
      vocabulary,
      detector: 'test',
      steps: 1,
      batchSize: 8,
      objectives: { mlm: 1, moc: 0, mrfr: 0, itm: 0, itc: 0 },
    });
    const cases: [() => unknown, RegExp][] = [
      [open(run, { detector: { ...detector, name: 'other' } }), /Expected test, the checkpoint's for the detector/],
      [open(run, { detector: { ...detector, featureSize: 7 } }), /Expected features of 6 numbers.* received 7/],
      [open(without, {}), /Expected a checkpoint that learned ITM/],
      [open(without, { head: 'itc' }), /Expected a checkpoint that learned ITC/],
      [open(root, {}), /Expected a checkpoint or a run with one/],
    ];
    for (const [attempt, message] of cases) assert.throws(attempt, { name: 'UserError', message });
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const relevance = imageBertRelevance(run, { detector });
    await relevance.score([pair(0, 0)]);
    relevance.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
});
