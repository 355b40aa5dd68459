import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { contrastSpace } from '../../../model/ranking/contrast-space.ts';
import { recalls } from '../../../model/ranking/recall.ts';
import { openRetrievalModel } from '../../../model/retrieval/retrieval-model.ts';
import { bestScale } from '../../../model/train/best-scale.ts';
import { latestCheckpoint, readCheckpoint } from '../../../model/train/checkpoint.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import { config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-contrast-start-'));
after(() => rmSync(root, { recursive: true }));

const own = { ...config, dropout: 0, contrast: { pooling: 'mean', shortcut: true } as const };
const contrastAlone = { mlm: 0, moc: 0, mrfr: 0, itm: 0, itc: 1 };
const options = (more: Partial<PretrainOptions>): PretrainOptions => ({
  runDir: join(root, more.runDir ?? 'run'),
  source: memorySource(smallExamples(200), 4),
  config: own,
  vocabulary,
  detector: 'test',
  steps: 1,
  objectives: contrastAlone,
  batchSize: 8,
  checkpointEverySteps: 2,
  tensorboard: false,
  ...more,
  ...(more.runDir !== undefined && { runDir: join(root, more.runDir) }),
});

/** Recalls of a run's newest checkpoint by contrast, on examples it has not seen. */
function found(runDir: string) {
  const unseen = smallExamples(240).slice(200);
  const checkpoint = readCheckpoint(join(root, runDir));
  const model = openRetrievalModel(checkpoint);
  try {
    const images = model.embedImages(unseen.map(({ regions }) => regions));
    const texts = model.embedTexts(unseen.map(({ pieces }) => pieces));
    const size = images.length / unseen.length;
    const table = new Float32Array(unseen.length ** 2);
    for (let row = 0; row < unseen.length; row++)
      for (let column = 0; column < unseen.length; column++)
        for (let at = 0; at < size; at++)
          table[row * unseen.length + column]! += images[row * size + at]! * texts[column * size + at]!;
    return recalls(
      table,
      unseen.map((_, at) => at),
    );
  } finally {
    model.dispose();
  }
}

test('contrast begins at the linear map: before anything is learned it finds unseen pairs', async () => {
  await pretrain(options({ runDir: 'linear', learningRate: 1e-12 }));
  await pretrain(options({ runDir: 'random', learningRate: 1e-12, config: { ...config, dropout: 0 } }));
  const [linear, chance] = [found('linear'), found('random')];
  // Chance is 0.25 for ten of 40; two things of ten are named, so that some pairs cannot be told apart.
  assert.ok(linear.image.r10 > 0.9 && linear.text.r10 > 0.9, JSON.stringify(linear));
  assert.ok(chance.image.r10 < 0.5, JSON.stringify(chance));
});

test('a run with shortcuts that was stopped goes on as if nothing had happened, and the shortcuts stay as they were fitted', async () => {
  const training = { learningRate: 2e-3, source: memorySource(smallExamples(60), 4) };
  await pretrain(options({ ...training, runDir: 'whole', steps: 6 }));
  const stop = new AbortController();
  await pretrain(options({ ...training, runDir: 'parts', steps: 6, reportEverySteps: 1 }), {
    signal: stop.signal,
    onProgress: ({ step }) => step === 3 && stop.abort(),
  });
  assert.equal(readCheckpoint(join(root, 'parts')).state.step, 3);
  await pretrain(options({ ...training, runDir: 'parts', steps: 6, resume: true }));
  const [whole, parts] = ['whole', 'parts'].map((run) => readCheckpoint(join(root, run)));
  assert.deepEqual(parts!.values, whole!.values);
  await pretrain(options({ ...training, runDir: 'still', steps: 1, learningRate: 1e-12 }));
  const start = readCheckpoint(join(root, 'still')).values;
  for (const name of ['itc.text.shortcut', 'itc.image.shortcut.weight', 'itc.image.shortcut.bias'])
    assert.deepEqual(whole!.values.get(name), start.get(name), name);
  assert.notDeepEqual(whole!.values.get('itc.image.weight'), start.get('itc.image.weight'));
});

test('a stage that follows begins at the weights of the one before it, not at a map of its own pairs', async () => {
  await pretrain(options({ runDir: 'first', steps: 2, learningRate: 2e-3 }));
  const startFrom = join(readCheckpoint(join(root, 'first')).dir, 'model.safetensors');
  const others = memorySource(smallExamples(200, 9), 4);
  await pretrain(options({ runDir: 'second', source: others, learningRate: 1e-12, startFrom }));
  const [first, second] = ['first', 'second'].map((run) => readCheckpoint(join(root, run)).values);
  assert.deepEqual(second!.get('itc.text.shortcut'), first!.get('itc.text.shortcut'));
});

test('heads that have learned without a shortcut go on as they are', async () => {
  const { dir, values } = readCheckpoint(join(root, 'random'));
  await pretrain(options({ runDir: 'later', learningRate: 1e-12, startFrom: join(dir, 'model.safetensors') }));
  const later = readCheckpoint(join(root, 'later')).values;
  assert.ok(later.get('itc.text.shortcut')!.every((value) => value === 0));
  for (const name of ['itc.text.weight', 'visual.feature.weight']) {
    const before = values.get(name)!;
    assert.ok(
      later.get(name)!.every((value, at) => Math.abs(value - before[at]!) < 1e-9),
      name,
    );
  }
});

test('a stop while texts are read for the map ends it at once, and nothing is left of the run', async () => {
  await pretrain(options({ runDir: 'words', objectives: { ...contrastAlone, itc: 0, mlm: 1 } }));
  const startFrom = join(readCheckpoint(join(root, 'words')).dir, 'model.safetensors');
  const stop = new AbortController();
  const heard: number[] = [];
  const beginning = pretrain(
    options({
      runDir: 'stopped',
      startFrom,
      onStartTexts: (done, total) => {
        heard.push(done / total);
        stop.abort(new Error('enough'));
      },
    }),
    { signal: stop.signal },
  );
  await assert.rejects(beginning, { message: 'enough' });
  assert.equal(heard.length, 1);
  assert.ok(heard[0]! < 1, `${heard}`);
  assert.equal(latestCheckpoint(join(root, 'stopped')), undefined);
});

test('too few images for a map leave contrast at random', async () => {
  await pretrain(options({ runDir: 'few', source: memorySource(smallExamples(39), 4), learningRate: 1e-12 }));
  const { values } = readCheckpoint(join(root, 'few'));
  assert.ok(values.get('itc.text.shortcut')!.every((value) => value === 0));
  assert.ok(values.get('itc.image.weight')!.some((value) => value !== 0));
});

test('texts are their pieces, the rarer the heavier, and the states of their encoder, each half of the length', () => {
  const texts = [[5, 6, 6], [5], [5, 7], [9]];
  const bare = contrastSpace(texts);
  assert.deepEqual(bare.pieces, [5, 6, 7, 9]);
  const idf = [3, 1, 1, 1].map((count) => Math.log(5 / (1 + count)) + 1);
  const raw = [
    [idf[0]! / 2, (2 * idf[1]!) / 2, 0, 0],
    [idf[0]! / Math.SQRT2, 0, 0, 0],
    [idf[0]! / Math.sqrt(3), 0, idf[2]! / Math.sqrt(3), 0],
    [0, 0, 0, idf[3]! / Math.SQRT2],
  ];
  const length = Math.sqrt(raw.flat().reduce((sum, value) => sum + value ** 2, 0) / 4);
  const near = (values: Float32Array, wanted: number[]) => {
    assert.equal(values.length, wanted.length);
    wanted.forEach((value, at) => {
      assert.ok(Math.abs(values[at]! - value) < 1e-5, `${at}: ${values[at]} for ${value}`);
    });
  };
  const of = (space: ReturnType<typeof contrastSpace>) => (space.fit([])(texts) as { values: Float32Array }).values;
  near(
    of(bare),
    raw.flat().map((value) => value / length),
  );

  assert.deepEqual(contrastSpace(texts, { counts: (piece) => piece !== 6 }).pieces, [5, 7, 9]);

  const states = new Map(texts.map((text, at) => [text, Float32Array.of(at, at === 0 ? 4 : 0)]));
  const both = contrastSpace(texts, { states });
  near(both.state!.mean, [1.5, 1]);
  // Of the differences (−1.5, 3), (−0.5, −1), (0.5, −1), (1.5, −1) the mean square length is 4.25.
  const weight = Math.sqrt(0.5 / 4.25);
  near(
    of(both),
    raw.flatMap((row, at) => [
      ...row.map((value) => (value * Math.SQRT1_2) / length),
      (at - 1.5) * weight,
      ((at === 0 ? 4 : 0) - 1) * weight,
    ]),
  );
});

test('where whole words count, neither a word that is broken up nor any of its pieces says anything', async () => {
  const broken = vocabulary.map((piece, at) => (at >= 50 ? `##inside${at}` : piece));
  const whole = { ...own, contrast: { ...own.contrast, wholeWords: true } };
  const examples = smallExamples(200).map((one) => ({ ...one, pieces: [...one.pieces.slice(0, -1), 40, 50] }));
  const source = memorySource(examples, 4);
  await pretrain(options({ runDir: 'broken', source, vocabulary: broken, config: whole, learningRate: 1e-12 }));
  const model = openRetrievalModel(readCheckpoint(join(root, 'broken')));
  try {
    const alike = model.embedTexts([
      [5, 6, 40],
      [5, 6, 40, 51],
      [5, 6, 41, 52],
    ]);
    const [bare, one, other] = [0, 1, 2].map((at) =>
      alike.slice((at * alike.length) / 3, ((at + 1) * alike.length) / 3),
    );
    const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
    assert.ok(cosine(one!, other!) > 1 - 1e-5, `${cosine(one!, other!)}`);
    // Its first piece alone is a word, though no text of training has it as one.
    assert.ok(cosine(bare!, one!) > 0.9, `${cosine(bare!, one!)}`);
  } finally {
    model.dispose();
  }
  const { values } = readCheckpoint(join(root, 'broken'));
  const table = values.get('itc.text.shortcut')!;
  const size = table.length / vocabulary.length;
  assert.ok(table.subarray(40 * size, 41 * size).every((value) => value === 0));
  assert.deepEqual([...values.get('itc.text.shortcut.inside')!.subarray(48, 52)], [0, 0, 1, 1]);
});

test('the scale of contrast follows from how well pairs are told apart', () => {
  const images = 64;
  const owner = Array.from({ length: images }, (_, at) => at);
  const table = (own: number, other: number) =>
    Float32Array.from({ length: images ** 2 }, (_, at) => (at % (images + 1) === 0 ? own : other));
  // Certain pairs want the largest scale, pairs that look like all others the smallest.
  assert.ok(bestScale(table(0.3, 0), owner) > 90);
  assert.equal(bestScale(table(0, 0.5), owner), 3);
});
