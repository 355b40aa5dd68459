/** Makes a frontier fit its ledger again: one that is gone or damaged is made anew, and what the ledger has lost is queued once more. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { corpusMark, hasWebPages } from '../../dataset/ledger/corpus-mark.ts';
import { imageStates, pageStates } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { hasContent } from '../../dataset/ledger/lost-ledger.ts';
import { damageOf } from '../../dataset/ledger/salvage.ts';
import { priority } from '../policy/priority.ts';
import { Frontier } from './frontier.ts';
import { openWithDeath } from './run-lock.ts';

export interface RepairedFrontier {
  /** What was wrong, in words for people. */
  readonly faults: readonly string[];
  /** URLs queued again. */
  readonly queued: number;
}

/** Says what is wrong with the frontier, and with `repair` mends it. To be called by who holds the crawl's lock. */
export function repairFrontier(
  corpusDir: string,
  ledger: Ledger,
  {
    repair,
    lost,
    isSalvaged = false,
  }: {
    readonly repair: boolean;
    /** URLs of pictures whose bytes are gone. */
    readonly lost: readonly string[];
    /** Whether the ledger may lack rows that it had. Default: false. */
    readonly isSalvaged?: boolean;
  },
): RepairedFrontier {
  const path = join(corpusDir, 'frontier.db');
  const isGone = !hasContent(path);
  const damage = isGone ? null : damageOf(path);
  if (isGone && !hasWebPages(ledger)) return { faults: [], queued: 0 };
  const faults = isGone ? ['frontier.db: missing'] : damage === null ? [] : [`frontier.db: damaged, ${damage}`];
  if (faults.length > 0 && !repair) return { faults, queued: 0 };
  if (faults.length > 0) {
    let number = 1;
    while (existsSync(`${path}.damaged-${number}`)) number += 1;
    for (const ending of ['', '-wal', '-shm']) {
      if (existsSync(path + ending)) renameSync(path + ending, `${path}.damaged-${number}${ending}`);
    }
  }
  const mark = corpusMark(ledger);
  const isNew = faults.length > 0;
  const commits = isNew ? 0 : commitsOf(path, mark.id);
  const isOlder = commits > mark.commits;
  if (!repair) return { faults: isOlder ? [older(commits - mark.commits)] : faults, queued: 0 };
  const frontier = openWithDeath(corpusDir, (hasDied) => Frontier.open(corpusDir, { hasDied }));
  try {
    if (isOlder) faults.push(older(commits - mark.commits));
    let queued = 0;
    if (isNew) frontier.atomically(() => enterKnown(frontier, ledger));
    if (isOlder || isSalvaged) queued += frontier.atomically(() => queueUnknown(frontier, ledger));
    if (lost.length > 0) {
      queued += frontier.atomically(() => lost.filter((url) => frontier.requeue(url, 'image')).length);
    }
    if (isNew || isOlder) frontier.setMark(mark);
    return { faults, queued };
  } finally {
    frontier.close();
  }
}

const older = (batches: number): string => `ledger.db: older than frontier.db by ${batches} batches`;

/** How many batches the frontier has of this ledger; 0 when it is another one's. Changes nothing: a crawl may be running. */
function commitsOf(path: string, id: string): number {
  const db = new Database(path, { readonly: true });
  try {
    const isMarked = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'corpus'`).get() !== undefined;
    const commits = isMarked ? db.prepare('SELECT commits FROM corpus WHERE id = ?').pluck().get(id) : undefined;
    return (commits as number | undefined) ?? 0;
  } finally {
    db.close();
  }
}

/** Pages that were read are due for a visit, by which their links are found again; what was not fetched yet is queued. */
function enterKnown(frontier: Frontier, ledger: Ledger): void {
  const enter = (kind: 'page' | 'image', url: string, isDone: boolean): void => {
    const known = { url, kind, depth: 0, priority: priority[kind === 'page' ? 'seed' : 'image'] } as const;
    if (!isDone) return void frontier.add([known]);
    const id = frontier.finishAlias(known);
    if (kind === 'page') frontier.setRevisit(id, { intervalMs: 1, hash: '' }, 0);
  };
  for (const { url, isDone } of pageStates(ledger)) enter('page', url, isDone);
  for (const { url, isDone } of imageStates(ledger)) enter('image', url, isDone);
}

/** URLs that count as done and of which the ledger knows nothing. */
function queueUnknown(frontier: Frontier, ledger: Ledger): number {
  const [pages, images] = [pageStates(ledger), imageStates(ledger)].map(
    (all) => new Set([...all].map(({ url }) => url)),
  );
  const lost = frontier.finished().filter(({ url, kind }) => !(kind === 'image' ? images! : pages!).has(url));
  return lost.filter(({ url, kind }) => kind !== 'sitemap' && frontier.requeue(url, kind)).length;
}
