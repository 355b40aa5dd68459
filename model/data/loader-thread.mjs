// Starts a worker thread: loader-worker.js of the package, or loader-worker.ts of a checkout, for which a thread does not inherit its
// parent's reader of TypeScript. Plain JavaScript for that.
import { existsSync } from 'node:fs';

const isCompiled = existsSync(new URL('./loader-worker.js', import.meta.url));
if (!isCompiled) (await import('tsx/esm/api')).register();
await import(isCompiled ? './loader-worker.js' : './loader-worker.ts');
