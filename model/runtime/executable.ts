/**
 * Functions over one set of trained variables: training steps of every batch shape, validation, scoring. Each is written once in
 * tfjs ops; compiled-executable.ts runs it as one TensorFlow graph, eager-executable.ts op by op.
 */
import { UserError } from '../../dataset/user-error.ts';
import { nativeBackend } from './backend.ts';
import { CompiledExecutable } from './compiled-executable.ts';
import { EagerExecutable } from './eager-executable.ts';
import { hasSessions } from './session.ts';
import type { Executable, ExecutableOptions } from './traced-function.ts';

/** Whether calls are worth being fed ahead: on a GPU, which would wait for the bus, where sessions of our own can be had. */
export const feedsAhead = (): boolean => nativeBackend()?.isUsingGpuDevice === true && hasSessions();

/** Compiled where TensorFlow's native backend is active, unless `compiled` is false. Variables start at 0. Several devices or processes need it. */
export function openExecutable(options: ExecutableOptions & { readonly compiled?: boolean }): Executable {
  const isCompiled = nativeBackend() !== undefined && options.compiled !== false;
  if (isCompiled) return new CompiledExecutable(options);
  if (options.cluster || (options.devices ?? 1) > 1)
    throw new UserError('Expected a compiled graph for several devices or ranks but received one that runs op by op; leave them out.'); // biome-ignore format: one line
  return new EagerExecutable(options);
}
