/** The side of a worker thread: runs the tasks that were sent together, one after the other. */

import { threadNumber } from '../../dataset/thread-cpu.ts';
import { notStarted, over, runsWithoutNumber } from './states.ts';
import { type TaskInput, type TaskName, tasks } from './tasks.ts';

export interface Task {
  readonly name: TaskName;
  readonly input: TaskInput<TaskName>;
}

/** Tasks on their way to a thread. */
export interface TasksMessage {
  readonly tasks: readonly Task[];
  /** Shared, a number for each task: see states.ts. */
  readonly states: Int32Array;
}

/** What became of a task, in the order in which they were sent; null of one that was taken back before it began. */
export type TaskAnswer = { readonly value: unknown } | { readonly error: unknown } | null;

let ownNumber: number | undefined;

export async function runTasks({ tasks: sent, states }: TasksMessage): Promise<TaskAnswer[]> {
  ownNumber ??= threadNumber() ?? runsWithoutNumber;
  const answers: TaskAnswer[] = [];
  for (const [at, { name, input }] of sent.entries()) {
    if (Atomics.compareExchange(states, at, notStarted, ownNumber) !== notStarted) {
      answers.push(null);
      continue;
    }
    answers.push(await answerTo(name, input));
    Atomics.store(states, at, over);
  }
  return answers;
}

async function answerTo(name: TaskName, input: TaskInput<TaskName>): Promise<TaskAnswer> {
  try {
    return { value: await (tasks[name] as (input: unknown) => unknown)(input) };
  } catch (error) {
    return { error };
  }
}
