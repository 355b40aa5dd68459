/** Where corpora lie, and what of them is nobody else's: in the folders that lait keeps in a corpus no other corpus and no export has a place. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';

/** Folders of a corpus that lait writes, beside `shards`. */
const keptFolders: readonly string[] = ['raw', 'pages', 'regions', 'runs', 'work', 'jobs', 'locks'];

/** Whether a folder is a corpus that something was recorded in. */
export const isCorpus = (folder: string): boolean =>
  ['ledger.db', 'frontier.db'].some((name) => existsSync(join(folder, name)));

/** The corpus in whose own folders a path lies, there or not; null where it lies in none. An existing corpus is its own, wherever it lies. */
export function corpusOver(path: string): string | null {
  const real = realPath(path);
  for (let above = real; ; above = dirname(above)) {
    if (isCorpus(above)) {
      const [part = ''] = relative(above, real).split(sep);
      if (part === '') return null;
      if (part === 'shards' || keptFolders.includes(part)) return above;
    }
    if (dirname(above) === above) return null;
  }
}

/** The real path of what exists; the rest of the path is added as it is written. */
export function realPath(path: string): string {
  const full = resolve(path);
  if (existsSync(full)) return realpathSync(full);
  const above = dirname(full);
  return above === full ? full : join(realPath(above), basename(full));
}
