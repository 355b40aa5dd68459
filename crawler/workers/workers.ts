/**
 * A pool of threads in which everything that came from the network is read, so that no page, however hostile or odd, holds up the
 * crawl: the main thread keeps frontier, sockets and commits, and hears signals. A task has a deadline of CPU time and its thread a
 * limit on memory; a task that breaks either ends as a reason, its thread is replaced, and what that had not begun is done by
 * another. Threads start when there is work for them.
 */
import { availableParallelism } from 'node:os';
import { threadFile } from './built-thread.ts';
import { type NotDone, type PoolThread, startThread, type Task } from './pool-thread.ts';
import type { TaskInput, TaskName, Tasks } from './tasks.ts';

/** What a task returns, or why it was ended. */
export type TaskResult<Name extends TaskName> =
  | { readonly done: true; readonly value: Awaited<ReturnType<Tasks[Name]>> }
  | { readonly done: false; readonly reason: NotDone };

export interface Workers {
  /** Tasks that keep all threads busy while results are waited for in order. */
  readonly ahead: number;
  /** Runs a task when a thread is free. Throws what the task throws. */
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

/** Ours: tasks that a thread is sent at once. Ten pages take as long as the main thread is away for a commit. */
const maxSent = 12;

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
  const waiting: Task[] = [];
  const alive = new Set<PoolThread>();
  /** Those of them that are at a task which takes long, and get no other. */
  const long = new Set<PoolThread>();
  const ending = new Set<Promise<unknown>>();
  let opening: Promise<void> | undefined;
  let file: URL | undefined;
  let isClosed = false;
  let looking: NodeJS.Timeout | undefined;

  const end = (thread: PoolThread, reason: NotDone): void => {
    alive.delete(thread);
    long.delete(thread);
    const gone = thread.end(reason).finally(() => ending.delete(gone));
    ending.add(gone);
  };

  const start = (): PoolThread => {
    const thread = startThread(file!, {
      maxHeapMb,
      onAnswer: (from) => {
        if (from.size() === 0 && long.has(from)) {
          // Meanwhile others took its place.
          if (alive.size - long.size >= threads) end(from, 'stopped');
          else long.delete(from);
        }
        feed();
      },
      onGone: (gone, rest) => {
        alive.delete(gone);
        long.delete(gone);
        waiting.unshift(...rest);
        feed();
      },
    });
    alive.add(thread);
    return thread;
  };

  /** Sends what waits to the threads that have least to do, and starts one where all have some. */
  const feed = (): void => {
    if (isClosed) for (const task of waiting.splice(0)) task.onEnd('stopped');
    while (waiting.length > 0 && file !== undefined) {
      let free: PoolThread | undefined;
      for (const thread of alive) {
        if (!long.has(thread) && (free === undefined || thread.size() < free.size())) free = thread;
      }
      if (free === undefined || (free.size() > 0 && alive.size - long.size < threads)) free = start();
      if (free.size() >= maxSent) break;
      free.send(waiting.shift()!);
    }
    const isIdle = waiting.length === 0 && [...alive].every((thread) => thread.size() === 0);
    if (!isIdle) looking ??= setInterval(look, lookEveryMs);
    else if (looking !== undefined) {
      clearInterval(looking);
      looking = undefined;
    }
  };

  const look = (): void => {
    for (const thread of alive) {
      const { ms, isCpu } = thread.taken();
      if (ms > (isCpu ? maxCpuMs : maxWallMs)) end(thread, 'too-costly');
      else if (ms > longMs && !long.has(thread) && long.size < maxLong) {
        long.add(thread);
        waiting.unshift(...thread.takeBack());
        feed();
      }
    }
  };

  return {
    ahead: 4 * threads,
    run: <Name extends TaskName>(name: Name, input: TaskInput<Name>) =>
      new Promise<TaskResult<Name>>((resolve, reject) => {
        const onValue = (value: unknown): void => {
          resolve({ done: true, value } as TaskResult<Name>);
        };
        waiting.push({
          name,
          input,
          onValue,
          onError: reject,
          onEnd: (reason) => resolve({ done: false, reason }),
        });
        opening ??= threadFile().then((made) => {
          file = made;
          feed();
        });
        feed();
      }),
    async close() {
      isClosed = true;
      await opening;
      for (const thread of alive) end(thread, 'stopped');
      feed();
      await Promise.all(ending);
    },
  };
}
