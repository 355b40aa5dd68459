/**
 * Folders for what a process needs while it runs. One that is killed leaves its own behind; who comes next removes them. By a lock, which ends
 * with its process, and not by the number of a process: containers that share a folder count theirs from 1 on each.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { openDatabase } from './open-database.ts';

const lockName = 'lait.lock';

/** Ours: a folder is locked right after it was made. */
const youngMs = 60_000;

/** Of ours, and of Playwright's browsers, which `keepWhileRunning` has marked. */
const ours = /^(?:lait-(?:browser|graph|push|read|texts)-|playwright_\w+_profile-)/;

/** A folder of this process among the temporary files. */
export interface TemporaryFolder {
  readonly path: string;
  /** Removes it with all that is in it. */
  readonly remove: () => void;
}

/** Makes one, after those of processes that were killed are removed. Throws the system's error where it cannot be made. */
export function temporaryFolder(name: 'browser' | 'graph' | 'push' | 'read' | 'texts'): TemporaryFolder {
  removeLeftFolders();
  const path = mkdtempSync(join(tmpdir(), `lait-${name}-`));
  try {
    const release = keepWhileRunning(path);
    return {
      path,
      remove: () => {
        release();
        rmSync(path, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(path, { recursive: true, force: true });
    throw error;
  }
}

/** Marks a folder as of this process, until what it returns is called: afterwards, or when the process is dead, it may be removed. */
export function keepWhileRunning(folder: string): () => void {
  const db = locked(folder);
  return () => void db.close();
}

/** Throws where somebody holds it. */
const locked = (folder: string): Database.Database =>
  openDatabase(join(folder, lockName), { timeout: 0 }, (db) => {
    db.exec('BEGIN EXCLUSIVE');
    return db;
  });

/** Where this process has looked. */
let looked = '';

/** Once in a process. */
export function removeLeftFolders(): void {
  if (looked === tmpdir()) return;
  looked = tmpdir();
  for (const name of foldersLeft()) removeIfLeft(join(tmpdir(), name));
}

/** Removes a folder that its process kept while it ran and has left behind. What cannot be looked at or removed is somebody else's, or the next one's. */
export function removeIfLeft(folder: string): void {
  try {
    const { mtimeMs } = statSync(join(folder, lockName));
    if (statSync(folder).uid !== process.geteuid?.() || Date.now() - mtimeMs < youngMs) return;
    locked(folder).close();
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // It has no lock, or its process runs.
  }
}

/** None where the folder of temporary files may be written but not read. */
function foldersLeft(): string[] {
  try {
    return readdirSync(tmpdir()).filter((one) => ours.test(one));
  } catch {
    return [];
  }
}
