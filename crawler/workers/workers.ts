/**
 * A pool of threads in which everything that came from the network is read, so that no page, however hostile or odd, holds up the
 * crawl: the main thread keeps frontier, sockets and commits, and hears signals. A task has a deadline of CPU time and its thread a
 * limit on memory; a task that breaks either ends as a reason, and its thread is replaced. Threads start when there is work
 * for them.
 */
import { availableParallelism } from 'node:os';
import type { Reason } from '../policy/reasons.ts';
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
  /** At most. */
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

/** A task that a thread has, or will have. */
interface Running {
  readonly startedOn: Int32Array;
  readonly stop: AbortController;
  /** CPU time of its thread, or wall time, when it was first seen running. */
  fromMs: number | null;
}

/**
 * Opens the pool; nothing starts before the first task. Two threads at least, so that one hostile page does not stop all
 * others; more cores but one, which is the main thread's. Times and memory are ours: a page of 8 MB, the largest that is read,
 * takes three seconds and 300 MB.
 */
export function openWorkers({
  threads = Math.max(2, availableParallelism() - 1),
  maxCpuMs = 15_000,
  maxWallMs = 120_000,
  maxHeapMb = 1024,
}: WorkersOptions = {}): Workers {
  let opening: ReturnType<typeof open> | undefined;
  let isClosed = false;
  let looking: NodeJS.Timeout | undefined;
  const running = new Set<Running>();

  const open = async () => {
    const { Tinypool } = await import('tinypool');
    return new Tinypool({
      filename: new URL('./thread.mjs', import.meta.url).href,
      name: 'runTask',
      // With none, tasks that wait would go on waiting when the last thread is ended.
      minThreads: 1,
      maxThreads: threads,
      idleTimeout: 60_000,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
  };

  const look = (): void => {
    for (const task of running) {
      const thread = Atomics.load(task.startedOn, 0);
      if (thread === 0) continue;
      const cpuMs = thread > 0 ? threadCpuMs(thread) : null;
      const nowMs = cpuMs ?? performance.now();
      task.fromMs ??= nowMs;
      if (nowMs - task.fromMs > (cpuMs === null ? maxWallMs : maxCpuMs)) task.stop.abort();
    }
  };

  return {
    ahead: 2 * threads,
    async run(name, input) {
      if (isClosed) return { done: false, reason: 'stopped' };
      opening ??= open();
      const pool = await opening;
      const task: Running = {
        startedOn: new Int32Array(new SharedArrayBuffer(4)),
        stop: new AbortController(),
        fromMs: null,
      };
      running.add(task);
      looking ??= setInterval(look, lookEveryMs);
      try {
        const { sent, transferList } = parcel(input);
        const message: TaskMessage = { name, input: sent, startedOn: task.startedOn };
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
    },
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
