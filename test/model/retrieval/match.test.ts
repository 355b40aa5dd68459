import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { evaluateRetrieval } from '../../../model/retrieval/evaluate.ts';
import { matchTexts } from '../../../model/retrieval/match.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-match-'));
after(() => rmSync(root, { recursive: true }));

test('each image gives each text a probability; other regions are refused', async () => {
  const examples = smallExamples(20);
  const source = memorySource(examples, 1);
  await pretrain({ runDir: root, source, config, vocabulary, detector: 'test', steps: 1, batchSize: 8 });
  const images = examples.slice(0, 3).map(({ regions }) => regions);
  const texts = examples.slice(0, 2).map(({ pieces }) => pieces);
  const rows = matchTexts({ checkpoint: root, images, texts });
  assert.deepEqual(
    rows.map((row) => row.length),
    [2, 2, 2],
  );
  for (const { probability } of rows.flat()) assert.ok(probability! > 0 && probability! < 1);
  const [first] = images as [(typeof images)[number]];
  const narrow = { ...first, features: new Float32Array(first.labels.length * 2) };
  assert.throws(() => matchTexts({ checkpoint: root, images: [narrow], texts }), {
    name: 'UserError',
    message: /Expected features of 6 numbers for the regions but received 2; use the detector test/,
  });
});

test('matching that was not learned has no word in it, and no probability', async () => {
  const examples = smallExamples(20);
  const source = memorySource(examples, 1);
  const objectives = { mlm: 0, moc: 0, mrfr: 0, itm: 0, itc: 1 };
  const runDir = join(root, 'contrast');
  await pretrain({ runDir, source, config, vocabulary, detector: 'test', steps: 1, batchSize: 8, objectives });
  const images = examples.slice(0, 3).map(({ regions }) => regions);
  const texts = examples.slice(0, 4).map(({ pieces }) => pieces);
  for (const row of matchTexts({ checkpoint: runDir, images, texts })) {
    assert.ok(row.every((match) => match.similarity !== undefined && !('probability' in match)));
    const bySimilarity = row.toSorted((a, b) => b.similarity! - a.similarity!);
    assert.deepEqual(
      row.toSorted((a, b) => b.score - a.score),
      bySimilarity,
    );
  }
  for (const method of ['itm', 'rerank'] as const) {
    await assert.rejects(evaluateRetrieval({ checkpoint: runDir, examples, method }), {
      name: 'UserError',
      message: /^Expected a checkpoint that learned ITM for method \w+ but received .*; use the method itc\.$/,
    });
  }
});
