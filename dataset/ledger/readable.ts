/**
 * Databases of a corpus for who only reads them. SQLite opens one with a write-ahead log only where it may make files beside it: of a corpus
 * that may not be written (a mount that is read-only, a folder of somebody else, a full disk) a copy among the temporary files is read instead.
 */
import { accessSync, chmodSync, constants, copyFileSync, existsSync, type StatsFs, statfsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Waiting } from '../corpus-lock.ts';
import { hasFiles } from '../open-database.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { Ledger } from './ledger.ts';

export interface ReadableDatabases {
  /** The folder that they lie in: that of the corpus, or of their copies. */
  readonly folder: string;
  readonly isCopy: boolean;
  /** Removes copies. */
  readonly remove: () => void;
}

/** Gives databases (`ledger.db`) where they can be opened. What is written to copies is lost. Throws the system's error for what may not be read. */
export async function readableDatabases(corpusDir: string, names: readonly string[]): Promise<ReadableDatabases> {
  const there = names.filter((name) => existsSync(join(corpusDir, name)));
  if (there.length === 0 || mayWrite(corpusDir, there)) return { folder: corpusDir, isCopy: false, remove: () => {} };
  const { path: folder, remove } = temporaryFolder('read');
  try {
    for (const name of there) await copyDatabase(join(corpusDir, name), join(folder, name));
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, isCopy: true, remove };
}

/** Opens the ledger of a corpus that was crawled before, or a copy of it. Throws as `Ledger.openExisting` does. */
export async function openLedgerToRead(
  corpusDir: string,
  waiting: Waiting = {},
): Promise<{ readonly ledger: Ledger; readonly isCopy: boolean; readonly close: () => void }> {
  const { folder, isCopy, remove } = await readableDatabases(corpusDir, ['ledger.db']);
  try {
    const ledger = Ledger.openExisting(folder, waiting);
    return {
      ledger,
      isCopy,
      close: () => {
        ledger.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

function mayWrite(corpusDir: string, names: readonly string[]): boolean {
  const files = names.flatMap((name) => ['', '-wal', '-shm'].map((ending) => join(corpusDir, name + ending)));
  try {
    for (const path of [corpusDir, ...files.filter((file) => existsSync(file))]) accessSync(path, constants.W_OK);
  } catch {
    return false;
  }
  const space = statfsSync(corpusDir);
  return hasRoomFor(space, besideBytes * names.length) && hasFiles(space, 2 * names.length);
}

/** Whether a file system has so many bytes left. One that tells of no blocks at all (FUSE, some network mounts) does not say; it may have them. */
const hasRoomFor = ({ blocks, bavail, bsize }: SpaceOfFileSystem, bytes: number): boolean =>
  blocks === 0 || bavail * bsize >= bytes;

/** What `statfs` tells of a file system: its blocks, those that are free for us, and the bytes of one. */
type SpaceOfFileSystem = Pick<StatsFs, 'blocks' | 'bavail' | 'bsize'>;

/** What SQLite makes beside a database to read it: one block of the log's index, and a log with nothing in it. */
const besideBytes = 65_536;

/** While somebody else has it open (it has a `-shm` file then) SQLite copies it, so that what is being written comes whole or not at all. */
async function copyDatabase(from: string, to: string): Promise<void> {
  if (existsSync(`${from}-shm`)) {
    const db = new Database(from, { readonly: true });
    try {
      await db.backup(to);
    } finally {
      db.close();
    }
    return;
  }
  for (const ending of ['', '-wal']) {
    if (!existsSync(from + ending)) continue;
    copyFileSync(from + ending, to + ending, constants.COPYFILE_FICLONE);
    chmodSync(to + ending, 0o600); // a copy has the mode of what may not be written
  }
}
