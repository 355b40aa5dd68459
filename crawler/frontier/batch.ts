/** How many outcomes are committed together. */
import { maxUncommitted } from '../../dataset/ledger/raw-store.ts';
import type { FetchOutcome } from './outcome.ts';

/** Ours: a commit of 100 pages waits for the disk once, as one of 10 does, and writes half as much for each. */
export const commitEvery = 256;

const imagesOf = (outcomes: readonly FetchOutcome[]): number => outcomes.filter(({ decoded }) => decoded).length;

/** Whether there is as much as is committed together. */
export const isFull = (outcomes: readonly FetchOutcome[]): boolean =>
  outcomes.length >= commitEvery || imagesOf(outcomes) >= maxUncommitted;

/** The first outcomes, as many as are committed together. */
export function batchOf(outcomes: readonly FetchOutcome[]): readonly FetchOutcome[] {
  let images = 0;
  const end = outcomes.slice(0, commitEvery).findIndex(({ decoded }) => {
    images += decoded ? 1 : 0;
    return images > maxUncommitted;
  });
  return outcomes.slice(0, end === -1 ? commitEvery : end);
}
