import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { learningPicture } from '../../../model/train/learning-picture.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { type LoggedReport, readRunLog } from '../../../model/train/run-log.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-picture-'));
after(() => rmSync(root, { recursive: true }));

test('a run draws each thing that it measured, and where its best checkpoint is', async () => {
  const source = memorySource(smallExamples(50), 4);
  const validation = smallExamples(12, 2);
  await pretrain({ runDir: root, source, config, vocabulary, detector: 'test', steps: 8, objectives: allObjectives, batchSize: 8, validation, evaluateEverySteps: 4, reportEverySteps: 2 }); // biome-ignore format: one line
  const picture = readFileSync(join(root, 'learning.svg'), 'utf8');
  const labels = [...picture.matchAll(/class="name" y="-10">([^<]+)/g)].map(([, label]) => label);
  assert.deepEqual(labels, [
    ...['mlm', 'moc', 'mrfr', 'itm', 'itc'].map((name) => `${name}: loss`),
    ...['mlm', 'moc', 'itm', 'itc'].map((name) => `${name}: accuracy`),
    ...['recall: image for a text', 'recall: text for an image', 'matching: mean logits', 'norm of the gradients', 'temperature'],
  ]); // biome-ignore format: one line
  const best = readRunLog(root).at(-1)!.best!;
  assert.match(picture, new RegExp(`, best: step ${best.step} by retrieval</text>`));
  const at = ((best.step / 8) * 190).toFixed(1);
  assert.equal(picture.split(`<line class="best" x1="${at}" x2="${at}"`).length - 1, labels.length);
  assert.equal(picture.split('<circle').length - 1, 2 * (5 + 4 + 6 + 3 + 1), 'two evaluations');
});

test('a run without held-out pairs, and a name that is no XML', () => {
  const report = { step: 5, losses: { mlm: 2 }, accuracies: {}, gradientNorms: {} } as unknown as LoggedReport;
  const picture = learningPicture([report], 'a<b>');
  assert.match(picture, /<text class="title" x="46" y="26">a&#60;b&#62;<\/text>/);
  assert.doesNotMatch(picture, /class="best"|circle/);
});
