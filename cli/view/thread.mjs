// Starts a worker thread: counting.js of the package, or counting.ts of a checkout, for which a thread does not inherit its parent's
// reader of TypeScript. Plain JavaScript for that. Each part is loaded when it is asked.
import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

// Ctrl-C reaches a process of its own as well: who has started it ends it.
if (isMainThread) process.on('SIGINT', () => {});

const isCompiled = existsSync(new URL('./counting.js', import.meta.url));
if (!isCompiled) (await import('tsx/esm/api')).register();
const load = (name) => import(isCompiled ? `./${name}.js` : `./${name}.ts`);
const { sentError } = await import(isCompiled ? '../../dataset/sent-error.js' : '../../dataset/sent-error.ts');

/** What is asked of a part, with what it throws as data: see `sentError`. */
const answer = (part, name) => async (question) => {
  try {
    return { value: await (await load(part))[name](question) };
  } catch (error) {
    return { failed: sentError(error) };
  }
};
export const corpusFacts = answer('counting', 'corpusFacts');
export const crawlFacts = answer('counting', 'crawlFacts');
export const forgetKnown = answer('counting', 'forgetKnown');
export const labelSample = answer('counting', 'labelSample');
export const move = answer('counting', 'move');
export const runFacts = answer('counting', 'runFacts');
export const thresholds = answer('counting', 'thresholds');
export const findByMeaning = answer('meaning', 'findByMeaning');
export const meaningFacts = answer('meaning', 'meaningFacts');
export const takeDown = answer('takedowns', 'takeDown');
export const takedownPreview = answer('takedowns', 'takedownPreview');
export const filledByRun = answer('seen-by-run', 'filledByRun');
export const foundByRun = answer('seen-by-run', 'foundByRun');
