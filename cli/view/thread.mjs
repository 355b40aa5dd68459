// Starts a worker thread: counting.js of the package, or counting.ts of a checkout, for which a thread does not inherit its parent's
// reader of TypeScript. Plain JavaScript for that.
import { existsSync } from 'node:fs';

const isCompiled = existsSync(new URL('./counting.js', import.meta.url));
if (!isCompiled) (await import('tsx/esm/api')).register();
const counting = await import(isCompiled ? './counting.js' : './counting.ts');
export const { corpusFacts, crawlFacts, move, runFacts, thresholds } = counting;
