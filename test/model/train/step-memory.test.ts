import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { presets } from '../../../model/net/config.ts';
import { paperObjectives } from '../../../model/net/objective.ts';
import { bytesOfStep, type StepSetup, stepMemory } from '../../../model/train/step-memory.ts';
import { allObjectives } from '../small-model.ts';

/** Half of `mini`'s layers; the other sizes are its own. */
const config = { ...presets.mini, layers: 3, vocabularySize: 4000, featureSize: 1280, classes: 100 };
const base: StepSetup = { config, objectives: paperObjectives, batchSize: 8 };

/**
 * As the system counts it: what a step needs above what the process has between steps. Memory that is freed goes back at once; with oneDNN,
 * which TensorFlow takes by itself on some processors, it would go to a pool of TensorFlow's instead.
 */
function measured(setup: StepSetup): number {
  const child = join(import.meta.dirname, 'step-memory-child.ts');
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', child, JSON.stringify(setup)], {
    env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '65536', TF_ONEDNN_USE_SYSTEM_ALLOCATOR: '1' },
    encoding: 'utf8',
  });
  assert.ok(stdout.startsWith('{'), stderr);
  return (JSON.parse(stdout) as { aboveBytes: number }).aboveBytes;
}

const settings: [name: string, own: Partial<StepSetup>][] = [
  ['f32', {}],
  ['f32, recomputed', { recompute: true }],
  ['bf16, two batches an update', { precision: 'bf16', accumulate: 2 }],
  ['bf16, all objectives', { precision: 'bf16', batchSize: 4, objectives: allObjectives }],
]; // biome-ignore format: a table
const taken = new Map<string, number>();

for (const [name, own] of settings) {
  test(`what a step takes is told within 15 %: ${name}`, { skip: !existsSync('/proc/self/clear_refs') }, () => {
    const { stepBytes, inputBytes } = stepMemory({ ...base, ...own });
    const bytes = measured({ ...base, ...own });
    taken.set(name, bytes);
    const ratio = (stepBytes + inputBytes) / bytes;
    assert.ok(ratio > 0.85 && ratio < 1.15, `told ${stepBytes + inputBytes}, measured ${bytes}: ${ratio}`);
  });
}

test('what is fed ahead is told, and taken', { skip: !existsSync('/proc/self/clear_refs') }, () => {
  // Features of whole pictures' pixels before a narrow model: what is fed weighs.
  const wide = { ...config, layers: 1, hiddenSize: 64, heads: 2, feedForwardSize: 64, featureSize: 12_288 };
  const own: StepSetup = { ...base, config: wide, objectives: { ...paperObjectives, mrfr: 0 } };
  const [plain, ahead] = [stepMemory(own), stepMemory({ ...own, stagesAhead: true })];
  const halves = 2 * own.batchSize * wide.maxRegions * wide.featureSize;
  assert.deepEqual([plain.aheadBytes, ahead.aheadBytes], [0, halves]);
  const told = bytesOfStep(ahead) - ahead.stateBytes;
  assert.equal(told, bytesOfStep(plain) - plain.stateBytes + halves);
  assert.ok(halves > 0.1 * told, 'it would be missed');
  const bytes = measured({ ...own, stagesAhead: true });
  // The next batch may come when the step is at its largest, or just before or after.
  assert.ok(
    told > 0.85 * bytes && told - halves < 1.15 * bytes,
    `told ${told}, of it ahead ${halves}, measured ${bytes}`,
  );
});

test('where passes do not wait for each other, no less is told than is taken', () => {
  const contrast = { pooling: 'mean', shortcut: true } as const;
  const own = {
    ...base,
    config: { ...config, contrast },
    objectives: allObjectives,
    batchSize: 4,
    hardNegatives: true,
    cleanMatching: true,
  };
  const { stepBytes, inputBytes } = stepMemory(own);
  const ratio = (stepBytes + inputBytes) / measured(own);
  assert.ok(ratio > 0.95 && ratio < 1.5, `${ratio}`);
});

test('layers that are computed anew take less than six tenths of it', () => {
  assert.ok(taken.get('f32, recomputed')! < 0.6 * taken.get('f32')!, JSON.stringify([...taken]));
});

test('what is kept between steps is the parameters and two means of each, and a sum where several batches make an update', () => {
  const { stateBytes } = stepMemory({ ...base, batchSize: 2 });
  assert.equal(stepMemory({ ...base, batchSize: 2, accumulate: 2 }).stateBytes, (stateBytes * 4) / 3);
});
