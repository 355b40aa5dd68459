/**
 * Who may write what of a corpus at a time. A corpus has parts, and each part one writer; who reads never asks. A lock is an
 * exclusive SQLite transaction on a file of its own, which the operating system ends with the process, however that ends, so
 * that no stale lock can be left behind. Who holds it stands beside it, for the message, and for the next one to tell whether its holder
 * died. On a network file system
 * the locks are as good as its POSIX locks are (docs/decisions/0038).
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { realPath } from './corpus-place.ts';
import { makeFolder } from './make-folder.ts';
import { openDatabase } from './open-database.ts';
import { UserError } from './user-error.ts';

/**
 * `crawl`: the frontier, `raw/` and `pages/`. `filter`: verdicts and scores. `shards`: the shards of the corpus and of all its
 * exports. `regions`: the columns beside them. Who needs several takes them in this order, so that no two wait for each other.
 */
export const corpusParts = ['crawl', 'filter', 'shards', 'regions'] as const;
export type CorpusPart = (typeof corpusParts)[number];

/** Another process, or another part of this one, is writing. Nothing was done. */
export class CorpusBusy extends UserError {
  /** The file that is locked. */
  readonly path: string;

  constructor(message: string, path: string) {
    super(message);
    this.path = path;
  }
}

/** Who a lock names as its holder: the command of this process. */
let command = 'another program';

/** Says what this process is called in the messages of others: `lait filter`. */
export function nameHolder(name: string): void {
  command = name;
}

/** Takes one part and returns the function that releases it. Throws a CorpusBusy that names the process which holds it. */
export function lockPart(corpusDir: string, part: CorpusPart): () => void {
  const folder = join(corpusDir, 'locks');
  makeFolder(folder);
  return lock(join(folder, part), `corpus ${corpusDir}`, { countsDeaths: part === 'crawl' });
}

/**
 * For who holds a part: whether the process that had it before died with it, by a fault in native code, the system's end for who takes too
 * much memory, a kill or a loss of power. One that threw, or that its operator stopped, did not.
 */
export const hasLastDied = (corpusDir: string, part: CorpusPart): boolean =>
  readHolder(noteOf(corpusDir, part))?.hasLastDied === true;

/** For who holds a part: that death is counted. Until somebody says so, each holder leaves it to the next one. */
export const deathIsCounted = (corpusDir: string, part: CorpusPart): void =>
  void uncountedDeaths.delete(noteOf(corpusDir, part));

const noteOf = (corpusDir: string, part: CorpusPart): string => join(corpusDir, 'locks', `${part}.json`);

/** Takes a run of training (`runs/NAME`) with all its stages: of two processes in it each would remove what the other one saves. */
export function lockRun(corpusDir: string, run: string): () => void {
  const folder = join(corpusDir, 'locks');
  makeFolder(folder);
  return lock(join(folder, `run-${run}`), `run ${run} of corpus ${corpusDir}`);
}

/** Takes a folder that may lie anywhere and is published as it is: its lock lies with the temporary files of this machine and user. */
export const lockFolder = (folder: string): (() => void) => lockAnywhere(folder, 'folder');

/** Takes a file that may lie anywhere, in the same way. */
export const lockFile = (file: string): (() => void) => lockAnywhere(file, 'file');

function lockAnywhere(path: string, what: string): () => void {
  const hash = createHash('sha256').update(realPath(path)).digest('hex').slice(0, 32);
  // Not by `userInfo`: a container's user needs no entry in its list of users. Windows has no numbers of users.
  return lock(join(tmpdir(), `lait-${process.geteuid?.() ?? -1}-${hash}`), `${what} ${path}`);
}

/** How one waits for another process. */
export interface Waiting {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears once of each that is waited for. */
  readonly onWait?: ((busy: CorpusBusy) => void) | undefined;
}

/** Takes several parts, waiting for each until it is free. */
export async function lockPartsInTurn(
  corpusDir: string,
  parts: readonly CorpusPart[],
  { signal, onWait }: Waiting = {},
): Promise<() => void> {
  const releases: (() => void)[] = [];
  const release = (): void => {
    for (const one of releases.splice(0).reverse()) one();
  };
  try {
    for (const part of corpusParts.filter((one) => parts.includes(one))) {
      releases.push(await inTurn(() => lockPart(corpusDir, part), { signal, onWait }));
    }
    return release;
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Does work that throws a CorpusBusy before it has begun, and does it again when what was busy is free. Throws the signal's reason
 * when that comes first.
 */
export async function inTurn<T>(work: () => T | Promise<T>, { signal, onWait }: Waiting = {}): Promise<T> {
  for (let waited = ''; ; ) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CorpusBusy)) throw error;
      if (waited !== error.path) onWait?.(error);
      waited = error.path;
    }
    await sleep(pollMs, undefined, { ...(signal ? { signal } : {}) }).catch(() => signal?.throwIfAborted());
  }
}

const pollMs = 200;

/** What lait tells of its processes that have a lock of this corpus: who a process is, by its id; null of one that is none of them. */
export function lockHolder(corpusDir: string, pid: number): string | null {
  const folder = join(corpusDir, 'locks');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const holder = name.endsWith('.json') ? readHolder(join(folder, name)) : null;
    if (holder?.pid === pid && holder.host === hostname()) return holderWords(holder);
  }
  return null;
}

/** `countsDeaths` where somebody asks whether the last holder died: a release then leaves the note of a death that is not counted yet. */
function lock(path: string, what: string, { countsDeaths = false } = {}): () => void {
  const note = `${path}.json`;
  let db: Database.Database;
  try {
    db = openDatabase(`${path}.lock`, { timeout: 0 }, (opened) => opened.exec('BEGIN EXCLUSIVE'));
  } catch (error) {
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new CorpusBusy(`${what} is being written by ${holderOf(note)}; wait for it to end, or give --wait.`, path);
  }
  const hasDied = existsSync(note);
  const holder: Holder = {
    command,
    pid: process.pid,
    host: hostname(),
    startedAt: new Date().toISOString(),
    hasLastDied: hasDied,
  };
  try {
    writeFileSync(note, JSON.stringify(holder));
  } catch (error) {
    db.close();
    throw error;
  }
  if (heldNotes.size === 0) process.on('exit', removeNotes);
  heldNotes.set(note, holder);
  if (hasDied && countsDeaths) uncountedDeaths.add(note);
  return () => {
    heldNotes.delete(note);
    if (heldNotes.size === 0) process.off('exit', removeNotes);
    try {
      if (db.open && !uncountedDeaths.delete(note)) removeNote(note, holder);
    } finally {
      db.close();
    }
  };
}

/** Notes of the locks that this process holds. */
const heldNotes = new Map<string, Holder>();

/** Those of them by which alone it is known that the holder before died. */
const uncountedDeaths = new Set<string>();

/** Ctrl-C twice ends the process where it is (128 and SIGINT); it has not died. */
function removeNotes(exitCode: number): void {
  if (exitCode !== 130) return;
  for (const [note, holder] of heldNotes) if (!uncountedDeaths.has(note)) removeNote(note, holder);
}

interface Holder {
  readonly command: string;
  readonly pid: number;
  readonly host: string;
  readonly startedAt: string;
  /** Whether the note of the one before was still there. */
  readonly hasLastDied: boolean;
}

/** Not that of another process, which has a corpus where this one's folder was before it was moved. */
function removeNote(note: string, { pid, host, startedAt }: Holder): void {
  const found = readHolder(note);
  if (found === null || (found.pid === pid && found.host === host && found.startedAt === startedAt))
    rmSync(note, { force: true });
}

const holderOf = (note: string): string => {
  const holder = readHolder(note);
  return holder === null ? 'another process' : holderWords(holder);
};

/** Null where the holder has just begun, or is writing the file. */
function readHolder(note: string): Partial<Holder> | null {
  try {
    return JSON.parse(readFileSync(note, 'utf8')) as Partial<Holder> | null;
  } catch {
    return null;
  }
}

function holderWords({ command: name, pid, host, startedAt }: Partial<Holder>): string {
  const place = host === hostname() ? '' : ` on ${host}`;
  return `${name} (pid ${pid}${place}, since ${clockTime(new Date(String(startedAt)))})`;
}

/** `10:02` by the clock of this machine, with the day when that was another one. */
function clockTime(at: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
  const isToday = at.toDateString() === new Date().toDateString();
  return `${isToday ? '' : day}${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Whether a path is that of the shards which lie in the corpus itself. */
export const isOwnShards = (corpusDir: string, outDir: string): boolean =>
  basename(outDir) === 'shards' && resolve(outDir) === resolve(corpusDir, 'shards');
