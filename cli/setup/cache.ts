/**
 * Where large downloads live: outside `node_modules`, so that `npm ci` fetches nothing twice. A folder appears there only
 * when it is complete (built beside it, then renamed), so set-up can be killed at any moment and run again.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../../dataset/make-folder.ts';

/** Fills `target` by way of a temporary neighbour: after it returns, `target` is complete; before, it does not exist. */
export async function completeFolder(target: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${target}.unfinished-${process.pid}`;
  makeFolder(dirname(target));
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  try {
    await fill(unfinished);
    rmSync(target, { recursive: true, force: true });
    renameSync(unfinished, target);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
