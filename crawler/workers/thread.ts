/** The side of a worker thread: runs the tasks that it is sent one after the other, and sends back what became of each. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type TaskInput, type TaskName, tasks } from './tasks.ts';
import { threadNumber } from './thread-cpu.ts';

/** A task on its way to a thread. */
export interface TaskMessage {
  /** Of those that this thread was sent: the first is 1. */
  readonly number: number;
  readonly name: TaskName;
  readonly input: TaskInput<TaskName>;
}

/** What became of it. */
export type TaskAnswer = { readonly number: number } & ({ readonly value: unknown } | { readonly error: unknown });

/** What both sides see at any moment: the place of each number in the array that they share. */
export const seen = {
  /** The system's number of the thread: 0 until it is there, -1 where the system has none. */
  thread: 0,
  /** The task that runs, 0 for none. */
  running: 1,
  /** The last task that was taken back: up to this one, what has not begun is left out. */
  takenBack: 2,
} as const;

export const sharedLength: number = Object.keys(seen).length;

function serve(port: MessagePort, shared: Int32Array): void {
  const perform = async ({ number, name, input }: TaskMessage): Promise<void> => {
    if (number <= Atomics.load(shared, seen.takenBack)) return;
    Atomics.store(shared, seen.running, number);
    const answer = await (async () => (tasks[name] as (input: unknown) => unknown)(input))().then(
      (value): TaskAnswer => ({ number, value }),
      (error: unknown): TaskAnswer => ({ number, error }),
    );
    port.postMessage(answer);
    Atomics.store(shared, seen.running, 0);
  };
  Atomics.store(shared, seen.thread, threadNumber() ?? -1);
  let last = Promise.resolve();
  port.on('message', (message: TaskMessage) => {
    last = last.then(() => perform(message));
  });
}

if (parentPort !== null) serve(parentPort, workerData as Int32Array);
