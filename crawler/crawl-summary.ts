/** What a crawl did, counted while it runs: for the progress line, the summary and `runs.jsonl`. */

import { join } from 'node:path';
import { appendLine } from '../dataset/atomic-file.ts';
import type { FetchOutcome } from './frontier/outcome.ts';
import type { DeadSeed } from './input/seeds.ts';

export interface CrawlProgress {
  readonly pages: number;
  readonly images: number;
  readonly refused: number;
  readonly failed: number;
  readonly queued: number;
  readonly bytes: number;
}

export interface CrawlSummary {
  /** How many pages and images of this run ended in each status. */
  readonly pages: Readonly<Record<string, number>>;
  readonly images: Readonly<Record<string, number>>;
  /** How often each reason was given, pages and images together. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Pairs in the corpus now; null for a shared one, where they are counted when it is collected. */
  readonly pairs: number | null;
  /** Pages that need a browser while there is none. */
  readonly unrendered: number;
  readonly rendered: number;
  /** URLs still queued: of hosts that asked for a longer pause than this run waits, or beyond `maxPages`. */
  readonly queued: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** The seeds that could not be read, when the run had seeds and was not stopped before. */
  readonly deadSeeds: readonly DeadSeed[];
  /** None could, and no other page either. */
  readonly isNoSeedRead: boolean;
  readonly stoppedBy: 'finished' | 'page-limit' | 'signal' | 'waiting-hosts';
}

export interface Counts {
  readonly pages: Record<string, number>;
  readonly images: Record<string, number>;
  readonly reasons: Record<string, number>;
  unrendered: number;
  rendered: number;
  bytes: number;
}

export const newCounts = (): Counts => ({ pages: {}, images: {}, reasons: {}, unrendered: 0, rendered: 0, bytes: 0 });

/** Counts an outcome that ended its URL. */
export function count(
  counts: Counts,
  { end, page, redirected, image, unrendered, rendered, byteLength }: FetchOutcome,
): void {
  if (end !== 'done') return;
  const add = (into: Record<string, number>, key: string | null | undefined): void => {
    if (key) into[key] = (into[key] ?? 0) + 1;
  };
  add(counts.pages, page?.status);
  add(counts.pages, redirected?.status);
  add(counts.images, image?.status);
  for (const row of [page, redirected, image]) add(counts.reasons, row?.reason);
  if (unrendered) counts.unrendered += 1;
  if (rendered) counts.rendered += 1;
  counts.bytes += byteLength ?? 0;
}

export function progressOf({ pages, images, bytes }: Counts, queued: number): CrawlProgress {
  const of = (table: Record<string, number>, keys: string[]): number =>
    keys.reduce((sum, key) => sum + (table[key] ?? 0), 0);
  return {
    pages: of(pages, ['fetched', 'unchanged']),
    images: of(images, ['success']),
    refused: of(pages, ['refused']) + of(images, ['refused']),
    failed: of(pages, ['failed']) + of(images, ['failed_to_download', 'failed_to_decode']),
    queued,
    bytes,
  };
}

/** Appends one line. */
export function logRun(corpusDir: string, run: Readonly<Record<string, unknown>>): void {
  appendLine(join(corpusDir, 'runs.jsonl'), JSON.stringify(run));
}
