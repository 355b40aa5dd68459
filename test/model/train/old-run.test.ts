/** A run that an earlier version began, which today's goes on with; see old-run/README.md. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { defaultObjectives } from '../../../model/net/objective.ts';
import { checkpoints, readCheckpoint, readOptimizer } from '../../../model/train/checkpoint.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { config, smallExamples, vocabulary } from '../small-model.ts';

test('a run of an earlier version goes on where it was, with losses like those that it went on with itself', async (t) => {
  const runDir = mkdtempSync(join(tmpdir(), 'lait-old-run-'));
  t.after(() => rmSync(runDir, { recursive: true }));
  cpSync(join(import.meta.dirname, 'old-run/checkpoints'), join(runDir, 'checkpoints'), { recursive: true });
  const begun = readCheckpoint(runDir);
  assert.deepEqual([begun.verified, begun.madeFrom, begun.state.step], [false, undefined, 7]);
  const seen: { step: number; loss: number }[] = [];
  const own = { runDir, config, vocabulary, detector: 'test', steps: 14, batchSize: 8, learningRate: 2e-3 };
  const data = [
    {
      corpus: 'birds',
      split: 'train',
      share: 1,
      version: 1,
      sha256: 'aa',
      shards: {},
      features: 'f',
      detectorModel: 'm',
    },
  ];
  const options = {
    ...{ ...own, source: memorySource(smallExamples(50), 4), validation: smallExamples(20, 2), data },
    ...{ reportEverySteps: 1, checkpointEverySteps: 100, evaluateEverySteps: 7, tensorboard: false, resume: true },
  };
  const refused =
    'Expected off as in step-00000007 for contrast (ITC) but received on; give --itc 0, or start another run.';
  await assert.rejects(pretrain({ ...options, objectives: { ...defaultObjectives, itc: 1 } }), { message: refused });
  await pretrain(
    { ...options, objectives: { ...defaultObjectives, itc: 0 } },
    { onProgress: ({ step, loss }) => seen.push({ step, loss }) },
  );
  const wanted = readFileSync(join(import.meta.dirname, 'old-run/losses.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as (typeof seen)[0]); // biome-ignore format: one line
  assert.deepEqual(seen.map(({ step }) => step), wanted.map(({ step }) => step)); // biome-ignore format: one line
  // What is hidden and dropped is drawn otherwise since then.
  const [is, was] = [seen, wanted].map((all) => all.reduce((sum, { loss }) => sum + loss, 0)) as [number, number];
  assert.ok(Math.abs(is - was) < 0.05 * was, `${is} for ${was}`);
  const ended = readCheckpoint(runDir);
  assert.deepEqual([checkpoints(runDir).length, ended.verified, ended.state.madeFrom?.data, ended.state.best?.step], [2, true, data, 14]); // biome-ignore format: one line
  const means = readOptimizer(begun);
  assert.equal(means.size, 2 * begun.values.size);
  for (const [name, mean] of readOptimizer(ended)) assert.notDeepEqual(mean, means.get(name), name);
});
