/** What TensorFlow is told on a GPU, in processes of its own, since it reads its environment once. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type GpuChoices, gpuDefaults, gpuEnvironment, hasGpu } from '../../../model/runtime/environment.ts';

const names = ['TF_FORCE_GPU_ALLOW_GROWTH', 'TF_DETERMINISTIC_OPS', 'NVIDIA_TF32_OVERRIDE', 'TF_NUM_INTRAOP_THREADS'];
const url = (path: string) => JSON.stringify(new URL(`../../../model/runtime/${path}`, import.meta.url).href);

/** Loads TensorFlow as on a GPU, then asks it for random numbers without a seed, which it refuses where all has to repeat. */
function asOnGpu(choices: GpuChoices, env: Readonly<Record<string, string>> = {}) {
  const script = `
    const { applyGpuEnvironment, chooseOnGpu } = await import(${url('environment.ts')});
    chooseOnGpu(${JSON.stringify(choices)});
    applyGpuEnvironment(true);
    const { nativeBackend, tf } = await import(${url('backend.ts')});
    const { binding } = nativeBackend();
    const kind = binding.TF_ATTR_TYPE;
    const attributes = [['dtype', binding.TF_FLOAT], ['T', binding.TF_INT32]].map(([name, value]) => ({ name, type: kind, value }));
    const size = binding.createTensor([1], binding.TF_INT32, Int32Array.of(4));
    let refused = '';
    try { binding.executeOp('RandomUniform', attributes, [size], 1); } catch (error) { refused = error.message; }
    console.log(JSON.stringify({ refused, own: ${JSON.stringify(names)}.map((name) => process.env[name] ?? null) }));`;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.includes(name)));
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { ...inherited, ...env } as NodeJS.ProcessEnv,
    encoding: 'utf8',
  });
  assert.ok(stdout.startsWith('{'), stderr);
  const { refused, own } = JSON.parse(stdout) as { refused: string; own: (string | null)[] };
  return { refused, own };
}

test('on a GPU memory grows, every run repeats and products are float32; TensorFlow itself has heard it', () => {
  const { refused, own } = asOnGpu(gpuDefaults);
  assert.deepEqual(own, ['true', '1', '0', null]);
  assert.match(refused, /determinis/);
});

test('determinism is given up, and TF32 taken, where the operator says so', () => {
  const { refused, own } = asOnGpu({ deterministic: false, tf32: true });
  assert.deepEqual(own, ['true', '0', null, null]);
  assert.equal(refused, '');
});

test("an operator's own environment stays", () => {
  assert.deepEqual(asOnGpu(gpuDefaults, { TF_FORCE_GPU_ALLOW_GROWTH: 'false' }).own, ['false', '1', '0', null]);
});

test('the CPU is told nothing', { skip: hasGpu() }, () => {
  assert.deepEqual(
    Object.keys(gpuEnvironment(gpuDefaults)).filter((name) => process.env[name] !== undefined),
    [],
  );
});
