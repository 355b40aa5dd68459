// Starts thread.ts in a worker thread where built-thread.ts could not make one file of it: a thread does not inherit its
// parent's reader of TypeScript. Plain JavaScript for that.
import { register } from 'tsx/esm/api';

register();
export const { runTasks } = await import('./thread.ts');
