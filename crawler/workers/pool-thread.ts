/** One thread of the pool, as the main thread sees it: what it was sent, how long it has been at it, and what becomes of that when it ends. */
import { Worker } from 'node:worker_threads';
import type { Reason } from '../policy/reasons.ts';
import type { TaskInput, TaskName } from './tasks.ts';
import { seen, sharedLength, type TaskAnswer, type TaskMessage } from './thread.ts';
import { threadCpuMs } from './thread-cpu.ts';

/** Why a task has no value. */
export type NotDone = Extract<Reason, 'too-costly' | 'stopped'>;

/** A task and who waits for it. */
export interface Task {
  readonly name: TaskName;
  readonly input: TaskInput<TaskName>;
  readonly onValue: (value: unknown) => void;
  readonly onError: (error: unknown) => void;
  readonly onEnd: (reason: NotDone) => void;
}

export interface PoolThread {
  /** Tasks that it was sent and has not answered. */
  size(): number;
  /** Bytes are copied once, so that the caller's stay. */
  send(task: Task): void;
  /** Takes back what has not begun, to be done elsewhere. */
  takeBack(): Task[];
  /** How long the running task has taken, in ms of CPU time, or of wall time where the system does not tell; 0 when none runs. */
  taken(): { readonly ms: number; readonly isCpu: boolean };
  /** Ends the thread: the task that runs ends for this reason. */
  end(reason: NotDone): Promise<unknown>;
}

/** Starts a thread. `onGone` is given what it had not begun when it ended. */
export function startThread(
  file: URL,
  {
    maxHeapMb,
    onAnswer,
    onGone,
  }: {
    readonly maxHeapMb: number;
    readonly onAnswer: (thread: PoolThread) => void;
    readonly onGone: (thread: PoolThread, rest: Task[]) => void;
  },
): PoolThread {
  const shared = new Int32Array(new SharedArrayBuffer(sharedLength * Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(file, {
    workerData: shared,
    execArgv: [],
    // A page's tree is gone with its task: a third of V8's young space takes as long, and 10 to 20 MB less.
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: 16 },
  });
  const sent = new Map<number, Task>();
  let last = 0;
  let running = { number: 0, fromMs: 0 };
  /** Why it ends: `reason` is ours, an error is not. */
  let end: { readonly reason: NotDone } | { readonly error: unknown } | null = null;

  const take = (number: number): Task | undefined => {
    const task = sent.get(number);
    sent.delete(number);
    // A thread without work does not keep the process.
    if (sent.size === 0) worker.unref();
    return task;
  };

  const thread: PoolThread = {
    size: () => sent.size,
    send(task) {
      if (sent.size === 0) worker.ref();
      last += 1;
      const { message, transferList } = messageOf(last, task);
      sent.set(last, task);
      worker.postMessage(message, transferList);
    },
    takeBack() {
      Atomics.store(shared, seen.takenBack, last);
      // One that begins at this moment all the same is done twice, and its answer here is not heard.
      const begun = Atomics.load(shared, seen.running);
      return [...sent.keys()].filter((number) => number !== begun).map((number) => take(number)!);
    },
    taken() {
      const number = Atomics.load(shared, seen.running);
      const system = Atomics.load(shared, seen.thread);
      const cpuMs = system > 0 ? threadCpuMs(system) : null;
      const nowMs = cpuMs ?? performance.now();
      if (running.number !== number) running = { number, fromMs: nowMs };
      return { ms: number === 0 ? 0 : nowMs - running.fromMs, isCpu: cpuMs !== null };
    },
    end(reason) {
      end ??= { reason };
      return worker.terminate();
    },
  };

  worker.unref();
  worker.on('message', (answer: TaskAnswer) => {
    const task = take(answer.number);
    if ('error' in answer) task?.onError(answer.error);
    else task?.onValue(answer.value);
    onAnswer(thread);
  });
  worker.on('error', (error: NodeJS.ErrnoException) => {
    const isOutOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    // Without a task it was the next one, on its way in.
    if (isOutOfMemory && Atomics.load(shared, seen.running) === 0)
      Atomics.store(shared, seen.running, first(sent) ?? 0);
    end ??= isOutOfMemory ? { reason: 'too-costly' } : { error };
  });
  worker.on('exit', (code) => {
    const why = end ?? { error: new Error(`A thread ended by itself, with ${code}.`) };
    const begun = take(Atomics.load(shared, seen.running));
    const rest = [...sent.keys()].map((number) => take(number)!);
    if ('reason' in why) begun?.onEnd(why.reason);
    else for (const task of begun ? [begun] : rest) task.onError(why.error);
    // One that could not start a task would not start the next.
    onGone(thread, 'error' in why && begun === undefined ? [] : rest);
  });
  return thread;
}

const first = (sent: ReadonlyMap<number, Task>): number | undefined => sent.keys().next().value;

/** An input with bytes of its own, which are handed over: a thread would be sent all of the memory that a Buffer is a part of. */
function messageOf(
  number: number,
  { name, input }: Task,
): { readonly message: TaskMessage; readonly transferList: ArrayBuffer[] } {
  if (typeof input === 'string' || !('bytes' in input)) return { message: { number, name, input }, transferList: [] };
  const bytes = new Uint8Array(input.bytes);
  return { message: { number, name, input: { ...input, bytes } }, transferList: [bytes.buffer] };
}
