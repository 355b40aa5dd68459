/** The runs of a corpus, and the stages of those that have some, by their names in `runs/`. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { runNames } from '../../dataset/run-names.ts';

export interface RunFolder {
  /** `pretrain`, or `staged/close` of a stage. */
  readonly name: string;
  /** When its log was written, and what changes whenever it is. */
  readonly atMs: number;
  readonly version: string;
}

/** Those that have a log, newest first. */
export function runFolders(corpusDir: string): RunFolder[] {
  return runNames(corpusDir)
    .flatMap((name) => {
      const stats = statSync(join(corpusDir, 'runs', name, 'log.jsonl'), { throwIfNoEntry: false });
      return stats === undefined ? [] : [{ name, atMs: stats.mtimeMs, version: `${stats.mtimeMs} ${stats.size}` }];
    })
    .sort((a, b) => b.atMs - a.atMs);
}
