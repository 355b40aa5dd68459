/**
 * What TensorFlow is told on a GPU by its environment, which it reads once, when it is loaded. The addon takes no other settings for a
 * session.
 */
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface GpuChoices {
  /** Sums are added in one order, so that a resumed run has the same bits; some take longer for it. */
  readonly deterministic: boolean;
  /** Products of float32 keep 10 bits of their factors (TensorFloat-32, on Ampere and later): faster, and no longer float32. */
  readonly tf32: boolean;
}

/** TensorFlow's own are the other way round. */
export const gpuDefaults: GpuChoices = { deterministic: true, tf32: false };

let chosen = gpuDefaults;

/** To be called before TensorFlow is loaded. */
export function chooseOnGpu(choices: GpuChoices): void {
  chosen = choices;
}

/** The variables for these choices. Memory grows as it is needed; otherwise TensorFlow takes all of the card at once. */
export const gpuEnvironment = ({ deterministic, tf32 }: GpuChoices): Readonly<Record<string, string>> => ({
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  TF_DETERMINISTIC_OPS: deterministic ? '1' : '0',
  // NVIDIA's libraries read this one; it can only turn TF32 off.
  ...(tf32 ? {} : { NVIDIA_TF32_OVERRIDE: '0' }),
});

/** Sets them where there is a GPU. An operator's own stay. */
export function applyGpuEnvironment(gpu = hasGpu()): void {
  if (!gpu) return;
  for (const [name, value] of Object.entries(gpuEnvironment(chosen))) process.env[name] ??= value;
}

/** Files by which NVIDIA's driver is known, on Linux and in Windows' Linux. */
const driverFiles = ['/dev/nvidiactl', '/dev/nvidia0', '/dev/dxg'];

/** Whether TensorFlow will find a GPU: the library that set-up installed is the one for it, and a driver's device is there and not hidden. */
export function hasGpu(): boolean {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined && (visible === '' || visible.startsWith('-1'))) return false;
  return gpuLibrary() && driverFiles.some((file) => existsSync(file));
}

/** Set-up names the folder of the library after its variant. */
export function gpuLibrary(): boolean {
  try {
    const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json');
    return /tensorflow-[\d.]+-gpu-/.test(realpathSync(join(dirname(manifest), 'deps/lib')));
  } catch {
    return false;
  }
}
