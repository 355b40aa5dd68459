/** What a takedown would touch, found by the code that does it, and nothing of it changed. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { exportRecords } from '../ledger/exports.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { placesOfPages } from '../ledger/page-store.ts';
import { placesOf, whatToRemove } from '../ledger/removal.ts';
import { findInShards } from '../shards/find-in-shards.ts';
import { pushedTo } from './pushed.ts';
import { foundElsewhere, removedRow } from './takedown.ts';
import { findReports } from './takedown-reports.ts';
import { type TakedownNames, takedownRequest } from './takedown-request.ts';
import { runsThatLearned } from './takedown-runs.ts';
import { findRunTexts } from './takedown-texts.ts';

export interface TakedownPreview {
  /** Distinct pictures whose bytes in `raw/` would be overwritten, and how many bytes those are. */
  readonly images: number;
  readonly bytes: number;
  /** Their URLs, and others that would be refused from then on. */
  readonly urls: number;
  /** Kept versions of pages that would be blanked. */
  readonly pages: number;
  /** Pairs that would leave the ledger, by id. */
  readonly pairs: readonly string[];
  /** Rows of exports that would go. */
  readonly samples: number;
  /** Shards that would be rewritten: `train/00000`, of exports elsewhere with their folder. */
  readonly shards: readonly string[];
  /** Other files that would be deleted, since they may show what is removed. */
  readonly deleted: readonly string[];
  /** Where a copy may be that cannot be reached from here. */
  readonly unreached: readonly string[];
  /** Runs that learned from shards that hold what is removed, and stay as they are. */
  readonly learned: readonly string[];
}

/** Looks for everything that the names mean. Throws a UserError where they name nothing, or what is no URL, host or hash. */
export async function previewTakedown(
  ledger: Ledger,
  { corpusDir, ...names }: TakedownNames & { readonly corpusDir: string },
): Promise<TakedownPreview> {
  const request = takedownRequest(names);
  const own = resolve(corpusDir, 'shards');
  const folders = [...new Set([own, ...exportRecords(ledger, corpusDir).map(({ folder }) => resolve(folder))])];
  const reached = folders.filter((folder) => existsSync(folder));
  const elsewhere = await foundElsewhere(ledger, corpusDir, reached, request);
  const removed = whatToRemove(ledger, request, elsewhere);
  const isRemoved = removedRow(request, removed);
  const shards: string[] = [];
  const unreached = folders.filter((folder) => folder !== own && !existsSync(folder));
  let samples = 0;
  for (const folder of reached) {
    const onDamaged = (shard: string): void => void unreached.push(join(folder, shard));
    for (const { split, name, rows } of await findInShards(folder, isRemoved, { onDamaged })) {
      // A row whose image failed has no sample, and one with several texts has several rows.
      samples += new Set(
        rows.flatMap(({ key, status }) => (typeof key === 'string' && status === 'success' ? [key] : [])),
      ).size;
      shards.push(folder === own ? `${split}/${name}` : join(folder, split, name));
    }
  }
  const isFound = elsewhere.length > 0 || removed.imageIds.size > 0 || removed.pageIds.size > 0;
  const reports = isFound ? findReports(ledger, corpusDir) : { there: [], unreached: [] };
  const places = [...removed.sha256s.keys()].flatMap((sha256) => placesOf(ledger, sha256));
  return {
    images: removed.sha256s.size,
    bytes: places.reduce((sum, { byteLength }) => sum + byteLength, 0),
    urls: removed.urls.size,
    pages: placesOfPages(ledger, new Set([...removed.pageIds, ...removed.showing])).length,
    pairs: [...removed.pairs],
    samples,
    shards,
    deleted: [...reports.there, ...(isFound ? findRunTexts(corpusDir) : [])],
    unreached: [...new Set([...unreached, ...reports.unreached, ...(isFound ? pushedTo(corpusDir) : [])])],
    learned: runsThatLearned(corpusDir, shards),
  };
}
