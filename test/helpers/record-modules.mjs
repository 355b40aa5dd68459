// For `node --import`: writes the URL of every module that is imported to the file LAIT_TEST_MODULES, a line each.
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  appendFileSync(process.env.LAIT_TEST_MODULES, `${url}\n`);
  return next(url, context);
}
