/** Where a task stands, in memory that the main thread and its own share; while it runs it is the system's number of its thread. */

export const notStarted = 0;
/** It runs in a thread that has no number. */
export const runsWithoutNumber = -1;
export const over = -2;
export const takenBack = -3;

export const isRunning = (state: number): boolean => state > 0 || state === runsWithoutNumber;
