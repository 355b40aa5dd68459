/**
 * A pool of threads in which everything that came from the network is read, so that no page, however hostile or odd, holds up the
 * crawl: the main thread keeps frontier, sockets and commits, and hears signals. A task has a deadline of CPU time and its thread a
 * limit on memory; a task that breaks either ends as a reason, and its thread is replaced. Threads start when there is work
 * for them.
 */
import { availableParallelism } from 'node:os';
import PQueue from 'p-queue';
import type { Reason } from '../policy/reasons.ts';
import { threadFile } from './built-thread.ts';
import type { TaskInput, TaskName, Tasks } from './tasks.ts';
import type { TaskMessage } from './thread.ts';
import { threadCpuMs } from './thread-cpu.ts';

/** What a task returns, or why it was ended. */
export type TaskResult<Name extends TaskName> =
  | { readonly done: true; readonly value: Awaited<ReturnType<Tasks[Name]>> }
  | { readonly done: false; readonly reason: Extract<Reason, 'too-costly' | 'stopped'> };

export interface Workers {
  /** Tasks that keep all threads busy while results are waited for in order. */
  readonly ahead: number;
  /** Runs a task when a thread is free. Bytes are copied once, so that the caller's stay. Throws what the task throws. */
  run<Name extends TaskName>(name: Name, input: TaskInput<Name>): Promise<TaskResult<Name>>;
  /** Ends all threads; tasks that run or wait end as `stopped`. */
  close(): Promise<void>;
}

export interface WorkersOptions {
  /** Tasks at once, those apart that take long. */
  readonly threads?: number;
  /** Of one task, in ms. */
  readonly maxCpuMs?: number;
  /** Of one task, in ms, where the system does not tell the CPU time of a thread. */
  readonly maxWallMs?: number;
  /** Heap of one thread, in MiB. */
  readonly maxHeapMb?: number;
}

/** Ours: how often running tasks are looked at. */
const lookEveryMs = 250;

/** Ours: after so long a task has a thread beside the others, so that it holds up none of them; so many of these at most. */
const longMs = 1000;
const maxLong = 2;

/** A task that a thread has, or will have. */
interface Running {
  readonly startedOn: Int32Array;
  readonly stop: AbortController;
  /** Lets the next task begin. */
  readonly giveWay: () => void;
  /** CPU time of its thread, or wall time, when it was first seen running. */
  fromMs: number | null;
}

/**
 * Opens the pool; nothing starts before the first task. One core is left to the main thread. Limits of time and memory are ours:
 * far above what any page took that a person could read.
 */
export function openWorkers({
  threads = Math.max(1, availableParallelism() - 1),
  maxCpuMs = 15_000,
  maxWallMs = 120_000,
  maxHeapMb = 1024,
}: WorkersOptions = {}): Workers {
  const places = new PQueue({ concurrency: threads });
  let opening: ReturnType<typeof open> | undefined;
  let isClosed = false;
  let looking: NodeJS.Timeout | undefined;
  const running = new Set<Running>();

  const open = async () => {
    const [{ Tinypool }, file] = await Promise.all([import('tinypool'), threadFile()]);
    return new Tinypool({
      filename: file.href,
      name: 'runTask',
      // With none, tasks that wait would go on waiting when the last thread is ended.
      minThreads: 1,
      maxThreads: threads + maxLong,
      idleTimeout: 60_000,
      execArgv: [],
      // A page's tree is gone with its task: a third of V8's young space takes as long, and 10 to 20 MB less.
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: 16 },
    });
  };

  const look = (): void => {
    for (const task of running) {
      const thread = Atomics.load(task.startedOn, 0);
      if (thread === 0) continue;
      const cpuMs = thread > 0 ? threadCpuMs(thread) : null;
      const nowMs = cpuMs ?? performance.now();
      task.fromMs ??= nowMs;
      if (nowMs - task.fromMs > longMs) task.giveWay();
      if (nowMs - task.fromMs > (cpuMs === null ? maxWallMs : maxCpuMs)) task.stop.abort();
    }
  };

  const perform = async <Name extends TaskName>(
    name: Name,
    input: TaskInput<Name>,
    giveWay: () => void,
  ): Promise<TaskResult<Name>> => {
    if (isClosed) return { done: false, reason: 'stopped' };
    opening ??= open();
    const pool = await opening;
    const startedOn = new Int32Array(new SharedArrayBuffer(4));
    const task: Running = { startedOn, stop: new AbortController(), giveWay, fromMs: null };
    running.add(task);
    looking ??= setInterval(look, lookEveryMs);
    try {
      const { sent, transferList } = parcel(input);
      const message: TaskMessage = { name, input: sent, startedOn };
      return { done: true, value: await pool.run(message, { signal: task.stop.signal, transferList }) };
    } catch (error) {
      if (isClosed) return { done: false, reason: 'stopped' };
      const isOutOfMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
      if (isOutOfMemory || task.stop.signal.aborted) return { done: false, reason: 'too-costly' };
      throw error;
    } finally {
      running.delete(task);
      if (running.size === 0) {
        clearInterval(looking);
        looking = undefined;
      }
    }
  };

  return {
    ahead: 2 * threads,
    run: (name, input) =>
      new Promise((resolve, reject) => {
        void places.add(
          () =>
            new Promise<void>((giveWay) => {
              perform(name, input, giveWay).then(resolve, reject).finally(giveWay);
            }),
        );
      }),
    async close() {
      isClosed = true;
      await (await opening)?.destroy();
    },
  };
}

/** An input with bytes of its own, which are handed over: a thread would be sent all of the memory that a Buffer is a part of. */
function parcel(input: TaskInput<TaskName>): { readonly sent: typeof input; readonly transferList: ArrayBuffer[] } {
  if (typeof input === 'string' || !('bytes' in input)) return { sent: input, transferList: [] };
  const bytes = new Uint8Array(input.bytes);
  return { sent: { ...input, bytes }, transferList: [bytes.buffer] };
}
