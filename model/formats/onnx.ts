/**
 * Runs ONNX files with onnxruntime-node. The runtime is 290 MB and most runs need none of it, so it is no dependency: it is
 * taken from where the project is installed if it is there, else fetched by npm into the cache the first time.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expected, UserError } from '../../dataset/user-error.ts';
import type { ShapedArray } from '../runtime/array.ts';
import { defaultCacheDir, type EnsureOptions, removeAbandoned, workFolder } from './cache.ts';

/** MIT; runs on Node 20 and later without its install script, which would fetch CUDA libraries. */
const runtime = { package: 'onnxruntime-node', version: '1.30.0', downloadBytes: 110_000_000 } as const;

/** What a network takes: also 64-bit integers, as text models want word pieces. */
export interface OnnxInput {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | BigInt64Array;
}

/** A loaded network. */
export interface OnnxModel {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Runs it on float32, int32 or int64 inputs; gives the outputs asked for, integers of any width as Int32Array. */
  run(inputs: Readonly<Record<string, OnnxInput>>, outputs: readonly string[]): Promise<ShapedArray[]>;
  dispose(): Promise<void>;
}

/** What is used of onnxruntime-node's interface. */
interface Runtime {
  readonly InferenceSession: {
    create(path: string, options: Readonly<Record<string, unknown>>): Promise<Session>;
  };
  readonly Tensor: new (type: string, data: OnnxInput['values'], shape: readonly number[]) => RuntimeTensor;
}

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, RuntimeTensor>, fetches: readonly string[]): Promise<Record<string, RuntimeTensor>>;
  release(): Promise<void>;
}

interface RuntimeTensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

/** Loads an ONNX file. Throws a UserError when it is missing or no network, or when the runtime cannot be fetched. */
export async function openOnnx(path: string, options: EnsureOptions = {}): Promise<OnnxModel> {
  if (!existsSync(path)) throw expected('an ONNX file', 'the network', path, 'check the path');
  const { InferenceSession, Tensor } = createRequire(import.meta.url)(await ensureOnnxRuntime(options)) as Runtime;
  // Level 3 is errors: the runtime otherwise prints its doubts about the network.
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 }).catch((error: Error) => {
    throw expected('an ONNX network', path, error.message.split('\n')[0], 'export it again');
  });
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(inputs, outputs) {
      const feeds = Object.entries(inputs).map(([name, { shape, values }]) => [
        name,
        new Tensor(typeOf(values), values, shape),
      ]);
      const results = await session.run(Object.fromEntries(feeds), outputs);
      return outputs.map((name) => {
        const { dims, data } = results[name]!;
        const values = data instanceof Float32Array ? data : Int32Array.from(data as ArrayLike<number>, Number);
        return { shape: [...dims], values };
      });
    },
    dispose: () => session.release(),
  };
}

/** An ONNX file and those that hold weights which do not lie in it: by the usual names, `NAME.onnx.data` and `NAME.onnx_data`. */
export const onnxFiles = (path: string): string[] =>
  [path, `${path}.data`, `${path}_data`].filter((one) => existsSync(one));

const typeOf = (values: OnnxInput['values']): string =>
  values instanceof Float32Array ? 'float32' : values instanceof Int32Array ? 'int32' : 'int64';

/** Where the runtime is in the cache, and whether it is there. */
export function onnxRuntimeStatus(cacheDir = defaultCacheDir()) {
  const path = join(cacheDir, `${runtime.package}-${runtime.version}`, 'node_modules', runtime.package);
  return { ...runtime, path, cached: existsSync(join(path, 'package.json')) };
}

/** The path to require onnxruntime-node from; fetches it when it is nowhere. */
export async function ensureOnnxRuntime({
  cacheDir = defaultCacheDir(),
  onProgress,
  signal,
}: EnsureOptions = {}): Promise<string> {
  try {
    return createRequire(import.meta.url).resolve(runtime.package);
  } catch {
    // Not installed beside the project: the one in the cache is used.
  }
  const { path, cached, downloadBytes } = onnxRuntimeStatus(cacheDir);
  if (cached) return path;
  await mkdir(cacheDir, { recursive: true });
  await removeAbandoned(cacheDir);
  const work = await workFolder(cacheDir);
  try {
    onProgress?.({ package: runtime.package, step: 'download', downloadBytes });
    await writeFile(join(work, 'package.json'), '{"private":true}\n');
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await promisify(execFile)('npm', ['install', ...quiet, `${runtime.package}@${runtime.version}`], {
      cwd: work,
      ...(signal && { signal }),
    });
    await rename(work, join(path, '..', '..')).catch((error: unknown) => {
      // Another process was faster.
      if (!onnxRuntimeStatus(cacheDir).cached) throw error;
    });
    onProgress?.({ package: runtime.package, step: 'ready', downloadBytes });
    return path;
  } catch (error) {
    if (signal?.aborted || error instanceof UserError) throw error;
    const [line] = (error as Error & { stderr?: string }).stderr?.trim().split('\n') ?? [(error as Error).message];
    throw expected(
      `npm to fetch ${runtime.package} ${runtime.version}`,
      'ONNX networks',
      line,
      `run npm install ${runtime.package}`,
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
