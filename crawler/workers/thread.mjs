// Starts a worker thread: thread.js of the package, or thread.ts of a checkout where built-thread.ts could not make one file of it, since
// a thread does not inherit its parent's reader of TypeScript. Plain JavaScript for that.
import { existsSync } from 'node:fs';

const isCompiled = existsSync(new URL('./thread.js', import.meta.url));
if (!isCompiled) (await import('tsx/esm/api')).register();
export const { runTasks } = await import(isCompiled ? './thread.js' : './thread.ts');
