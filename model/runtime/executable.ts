/**
 * Functions over one set of trained variables: training steps of every batch shape, validation, scoring. Each is written once in
 * tfjs ops; compiled-executable.ts runs it as one TensorFlow graph, eager-executable.ts op by op.
 */
import { nativeBackend } from './backend.ts';
import { CompiledExecutable } from './compiled-executable.ts';
import { EagerExecutable } from './eager-executable.ts';
import type { Executable, ExecutableOptions } from './traced-function.ts';

/** Compiled where TensorFlow's native backend is active, unless `compiled` is false. Variables start at 0. */
export function openExecutable(options: ExecutableOptions & { readonly compiled?: boolean }): Executable {
  const canCompile = nativeBackend() !== undefined;
  return canCompile && options.compiled !== false ? new CompiledExecutable(options) : new EagerExecutable(options);
}
