/**
 * How TensorFlow shares the cores out. By default it gives each op all of them, one op after another; most ops of a training step
 * are too small for that. On two cores the two halves of a batch run side by side instead, each op on one core: a step of `mini`
 * takes 0.94 (float32) and 0.88 (bfloat16) of the time. Not on more cores, where it was not measured, nor on a GPU.
 */
import { availableParallelism } from 'node:os';
import { hasGpu } from './environment.ts';

const variable = 'TF_NUM_INTRAOP_THREADS';

/** The settings of TensorFlow's environment for that, empty where its own are better. */
export const wholeOps = (): Readonly<Record<string, string>> =>
  availableParallelism() === 2 && !hasGpu() ? { [variable]: '1' } : {};

/** To be called before TensorFlow is loaded, which reads the settings once. An operator's own stay. */
export function preferWholeOps(): void {
  for (const [name, value] of Object.entries(wholeOps())) process.env[name] ??= value;
}

/** Whether TensorFlow was given these settings. */
export const opsAreWhole = (): boolean => process.env[variable] === '1';
