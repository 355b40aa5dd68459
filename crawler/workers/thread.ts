/** The side of a worker thread: runs one task at a time. */

import { type TaskInput, type TaskName, tasks } from './tasks.ts';
import { threadNumber } from './thread-cpu.ts';

/** A task on its way to a thread. */
export interface TaskMessage {
  readonly name: TaskName;
  readonly input: TaskInput<TaskName>;
  /** One number, shared: 0 until the task starts, then that of its thread, or -1 where the system has none. */
  readonly startedOn: Int32Array;
}

export function runTask({ name, input, startedOn }: TaskMessage): unknown {
  Atomics.store(startedOn, 0, threadNumber() ?? -1);
  return (tasks[name] as (input: unknown) => unknown)(input);
}
