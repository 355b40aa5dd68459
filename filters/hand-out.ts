/**
 * Has batches judged by whoever helps: each goes out with all that judging it takes, and verdicts are recorded as they come. A pair whose
 * picture a judge cannot read is judged by this machine's own one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { scoresOf } from '../dataset/ledger/scores.ts';
import type { PairToJudge } from '../dataset/ledger/verdicts.ts';
import { workPlacesOf } from '../dataset/ledger/work-pictures.ts';
import { packBatch, unpackVerdicts } from './batch-content.ts';
import type { Recipe } from './recipe.ts';
import type { Batch, JudgingTools } from './screen.ts';

/** Where batches are handed out. */
export interface Counter {
  offer(batch: number, content: Buffer, options: { readonly onlyHere: boolean }): Promise<void>;
  /** Judges that are alive, and batches that no judge has taken: those for any, and those for this machine's own. */
  state(): Promise<{ readonly judges: number; readonly waiting: number; readonly waitingHere: number }>;
  /** Some of the batches that are judged and not forgotten. */
  judged(): Promise<readonly { readonly batch: number; readonly result: Buffer }[]>;
  forget(batches: readonly number[]): Promise<void>;
}

export interface HandOutOptions {
  readonly ledger: Ledger;
  readonly recipe: Recipe;
  readonly counter: Counter;
  readonly signal: AbortSignal;
  readonly onState?: (state: { readonly judges: number; readonly here: number }) => void;
}

/** Pairs of a batch: some seconds' work where pictures are decoded, and a minute's where a large model looks at them. Ours. */
export const pairsHandedOut = 500;

/** So many wait for each judge, so that none waits for one. */
const waitingPerJudge = 2;

/** So many wait for this machine's own judge at most; they are passed over, so that others have something to do meanwhile. */
const maxWaitingHere = 100;

const pollMs = 100;

/** Hands out all batches and returns when all verdicts are recorded. */
export async function handOut(
  batches: Iterable<Batch>,
  { record }: Pick<JudgingTools, 'record'>,
  { ledger, recipe, counter, signal, onState }: HandOutOptions,
): Promise<void> {
  const scoreNames = new Set((recipe.scored ?? []).map(({ scoreName }) => scoreName));
  const iterator = batches[Symbol.iterator]();
  /** Batches that are out; of some the pairs do not follow each other. */
  const out = new Map<number, { readonly pairs: Batch; readonly isSome: boolean }>();
  let [next, here, isAllOut] = [0, 0, false];

  /** Returns whether any judge may take it. */
  const offer = async (pairs: Batch, isSome: boolean): Promise<boolean> => {
    const content = contentOf(ledger, pairs, scoreNames);
    const onlyHere = isSome || isMostlyHere(content, scoreNames.size > 0);
    if (onlyHere) here += pairs.length;
    out.set(next, { pairs, isSome });
    await counter.offer(next, await packBatch(content), { onlyHere });
    next += 1;
    return !onlyHere;
  };

  const take = async (): Promise<number> => {
    const judged = await counter.judged();
    for (const { batch, result } of judged) {
      const known = out.get(batch);
      if (known === undefined) continue;
      const verdicts = await unpackVerdicts(result);
      await record(known.pairs, verdicts, known.isSome);
      out.delete(batch);
      if (verdicts.length === known.pairs.length) continue;
      const isJudged = new Set(verdicts.map(({ row }) => row));
      await offer(
        known.pairs.filter(({ row }) => !isJudged.has(row)),
        true,
      );
    }
    if (judged.length > 0) await counter.forget(judged.map(({ batch }) => batch));
    return judged.length;
  };

  for (;;) {
    signal.throwIfAborted();
    const { judges, waiting, waitingHere } = await counter.state();
    onState?.({ judges, here });
    let [offered, offeredHere] = [0, 0];
    while (
      !isAllOut &&
      waiting + offered < waitingPerJudge * Math.max(1, judges) &&
      waitingHere + offeredHere < maxWaitingHere
    ) {
      signal.throwIfAborted();
      const { value, done } = iterator.next();
      if (done) isAllOut = true;
      else if (await offer(value, false)) offered += 1;
      else offeredHere += 1;
    }
    const taken = await take();
    if (isAllOut && out.size === 0) return;
    if (offered + offeredHere + taken === 0) {
      await sleep(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

function contentOf(ledger: Ledger, pairs: readonly PairToJudge[], scoreNames: ReadonlySet<string>) {
  const scores: Record<string, Record<string, number>> = {};
  const places: Record<string, ReturnType<typeof workPlacesOf>> = {};
  for (const { pair, sample } of scoreNames.size > 0 ? pairs : []) {
    if (sample === null) continue;
    for (const subject of [pair.id, sample.sha256]) {
      if (scores[subject] !== undefined) continue;
      const stored = Object.entries(scoresOf(ledger, subject)).filter(([name]) => scoreNames.has(name));
      if (stored.length > 0) scores[subject] = Object.fromEntries(stored);
    }
    places[sample.sha256] ??= workPlacesOf(ledger, sample.sha256);
  }
  return { pairs, scores, places };
}

/** Whether most pictures that may have to be read are in this folder alone: then nobody else need begin. */
function isMostlyHere({ places }: ReturnType<typeof contentOf>, readsPictures: boolean): boolean {
  const all = Object.values(places);
  return readsPictures && all.length > 0 && all.filter((some) => some.length === 0).length * 2 > all.length;
}
