/**
 * A pool of threads in which everything that came from the network is read, so that no page, however hostile or odd, holds up the
 * crawl: the main thread keeps frontier, sockets and commits, and hears signals. A task has a deadline of CPU time and its thread a
 * limit on memory; a task that breaks either ends as a reason, and its thread is replaced. Threads start when there is work
 * for them. Tasks that wait are sent together: a message costs the main thread as much as a tenth of what it does for a page.
 */
import { availableParallelism } from 'node:os';
import type { Defer } from '../../dataset/cleanup.ts';
import { threadCpuMs } from '../../dataset/thread-cpu.ts';
import type { Reason } from '../policy/reasons.ts';
import { threadFile } from './built-thread.ts';
import { isRunning, notStarted, takenBack } from './states.ts';
import type { TaskInput, TaskName, Tasks } from './tasks.ts';
import type { Task, TaskAnswer, TasksMessage } from './thread.ts';

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

/** Ours: tasks that are sent together, and bytes or characters of them beyond which no further one is added. */
const maxTogether = 8;
const maxTogetherLength = 2_000_000;

/** A task until its end. */
interface Waiting extends Task {
  readonly resolve: (result: TaskResult<TaskName>) => void;
  readonly reject: (error: unknown) => void;
  /** It is sent by itself: its thread ended, and nothing told for which of its tasks. */
  isAlone?: boolean;
}

/** Tasks that a thread has, or will have. */
interface Sent {
  readonly tasks: readonly Waiting[];
  readonly states: Int32Array;
  readonly stop: AbortController;
  /** CPU time of their thread, or wall time, when the first of them was first seen running. */
  fromMs: number | null;
  /** The one that runs, and the same of it. */
  running: { readonly at: number; readonly fromMs: number } | null;
  /** Whether others may be sent while these are under way. */
  hasGivenWay: boolean;
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
  const waiting: Waiting[] = [];
  const underWay = new Set<Sent>();
  let opening: ReturnType<typeof open> | undefined;
  let isClosed = false;
  let busy = 0;
  let looking: NodeJS.Timeout | undefined;

  const open = async () => {
    const [{ Tinypool }, file] = await Promise.all([import('tinypool'), threadFile()]);
    return new Tinypool({
      filename: file.href,
      name: 'runTasks',
      // With none, tasks that wait would go on waiting when the last thread is ended.
      minThreads: 1,
      maxThreads: threads + maxLong,
      idleTimeout: 60_000,
      execArgv: [],
      // A page's tree is gone with its task: a third of V8's young space takes as long, and 10 to 20 MB less.
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: 16 },
    });
  };

  /** Sends what waits while there are threads for it. */
  const sendNext = (): void => {
    while (waiting.length > 0 && (busy < threads || isClosed)) {
      if (isClosed) for (const { resolve } of waiting.splice(0)) resolve({ done: false, reason: 'stopped' });
      else void send(takeTogether(waiting, threads));
    }
  };

  const giveWay = (sent: Sent): void => {
    if (sent.hasGivenWay) return;
    sent.hasGivenWay = true;
    busy -= 1;
    sendNext();
  };

  /** Those that have not begun wait again, for whichever thread is free first. */
  const takeBack = ({ tasks, states }: Sent): void => {
    const isFree = (_: Waiting, at: number): boolean =>
      Atomics.compareExchange(states, at, notStarted, takenBack) === notStarted;
    waiting.unshift(...tasks.filter(isFree));
    sendNext();
  };

  const look = (): void => {
    for (const sent of underWay) {
      const at = sent.states.findIndex(isRunning);
      if (at === -1) continue;
      const thread = Atomics.load(sent.states, at);
      const cpuMs = thread > 0 ? threadCpuMs(thread) : null;
      const nowMs = cpuMs ?? performance.now();
      sent.fromMs ??= nowMs;
      if (sent.running?.at !== at) sent.running = { at, fromMs: nowMs };
      const ranMs = nowMs - sent.running.fromMs;
      if (nowMs - sent.fromMs > longMs) takeBack(sent);
      if (ranMs > longMs) giveWay(sent);
      if (ranMs > (cpuMs === null ? maxWallMs : maxCpuMs)) sent.stop.abort();
    }
  };

  const send = async (tasks: readonly Waiting[]): Promise<void> => {
    busy += 1;
    const states = new Int32Array(new SharedArrayBuffer(4 * tasks.length));
    const sent: Sent = { tasks, states, stop: new AbortController(), fromMs: null, running: null, hasGivenWay: false };
    underWay.add(sent);
    looking ??= setInterval(look, lookEveryMs);
    try {
      opening ??= open();
      const pool = await opening;
      const parcels = tasks.map(({ input }) => parcel(input));
      const message: TasksMessage = {
        tasks: tasks.map(({ name }, at) => ({ name, input: parcels[at]!.sent })),
        states,
      };
      const transferList = parcels.flatMap((one) => one.transferList);
      const answers: TaskAnswer[] = await pool.run(message, { signal: sent.stop.signal, transferList });
      for (const [at, answer] of answers.entries()) settle(tasks[at]!, answer);
    } catch (error) {
      fail(sent, error);
    } finally {
      underWay.delete(sent);
      if (underWay.size === 0) {
        clearInterval(looking);
        looking = undefined;
      }
      giveWay(sent);
      sendNext();
    }
  };

  /** Ends the task for which a thread was ended; the others that it had are sent again. */
  const fail = ({ tasks, states, stop, running }: Sent, error: unknown): void => {
    const isOutOfMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
    const isTooCostly = isOutOfMemory || stop.signal.aborted;
    // tinypool gives tasks that wait to a thread that is being ended, where that has answered at the last moment.
    const isNobodys = !isTooCostly && (error as Error).message === 'Terminating worker thread';
    const ran = stop.signal.aborted && running !== null ? running.at : states.findIndex(isRunning);
    const guilty = tasks.length === 1 ? 0 : ran;
    const again: Waiting[] = [];
    for (const [at, task] of tasks.entries()) {
      if (states[at] === takenBack) continue;
      if (isClosed) task.resolve({ done: false, reason: 'stopped' });
      else if (isNobodys) again.push(task);
      else if (!isTooCostly) task.reject(error);
      else if (at === guilty) task.resolve({ done: false, reason: 'too-costly' });
      else again.push(Object.assign(task, { isAlone: guilty === -1 }));
    }
    waiting.unshift(...again);
  };

  return {
    ahead: 2 * threads,
    run: <Name extends TaskName>(name: Name, input: TaskInput<Name>) =>
      new Promise<TaskResult<Name>>((resolve, reject) => {
        waiting.push({ name, input, resolve: resolve as Waiting['resolve'], reject });
        sendNext();
      }),
    async close() {
      isClosed = true;
      sendNext();
      await (await opening)?.destroy();
    },
  };
}

/** The pool until the end, or until a signal comes: no page that is being read holds that up. */
export function workersUntil(signal: AbortSignal | undefined, defer: Defer): Workers {
  const workers = openWorkers();
  defer(() => workers.close());
  const stop = (): void => void workers.close();
  signal?.addEventListener('abort', stop);
  defer(() => signal?.removeEventListener('abort', stop));
  return workers;
}

/** Takes as many of those that wait as one thread is sent at once: its share of them, within limits. */
function takeTogether(waiting: Waiting[], threads: number): Waiting[] {
  const share = Math.min(maxTogether, Math.ceil(waiting.length / threads));
  let length = lengthOf(waiting[0]!);
  let count = 1;
  while (count < share && !waiting[0]!.isAlone && !waiting[count]!.isAlone) {
    length += lengthOf(waiting[count]!);
    if (length > maxTogetherLength) break;
    count += 1;
  }
  return waiting.splice(0, count);
}

function lengthOf({ input }: Task): number {
  if (typeof input === 'string') return input.length;
  return 'bytes' in input ? input.bytes.length : input.html.length;
}

function settle({ resolve, reject }: Waiting, answer: TaskAnswer): void {
  if (answer === null) return;
  if ('error' in answer) reject(answer.error);
  else resolve({ done: true, value: answer.value } as TaskResult<TaskName>);
}

/** An input with bytes of its own, which are handed over: a thread would be sent all of the memory that a Buffer is a part of. */
function parcel(input: TaskInput<TaskName>): { readonly sent: typeof input; readonly transferList: ArrayBuffer[] } {
  if (typeof input === 'string' || !('bytes' in input)) return { sent: input, transferList: [] };
  const bytes = new Uint8Array(input.bytes);
  return { sent: { ...input, bytes }, transferList: [bytes.buffer] };
}
