/** Judges batches that another process hands out, one after the other, until there are none. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rawMissing } from '../dataset/ledger/lost-pictures.ts';
import type { RuleRecord } from '../dataset/ledger/recipes.ts';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { WorkPlace } from '../dataset/ledger/work-pictures.ts';
import { packVerdicts, unpackBatch } from './batch-content.ts';
import { judgeBatch } from './judge-batch.ts';
import type { Recipe } from './recipe.ts';
import { ruleRecords } from './recipe.ts';
import { reusableVerdicts } from './reusable-verdicts.ts';

/** A batch as it was handed out. */
export interface HandedOut {
  readonly job: string;
  readonly batch: number;
  readonly content: Buffer;
}

/** Where batches are had, and put down when they are judged. */
export interface Desk {
  next(): Promise<HandedOut | 'wait' | 'over'>;
  finish(task: HandedOut, result: Buffer, pairs: number): Promise<void>;
  giveBack(task: HandedOut): Promise<void>;
}

/** What a job is judged by. */
export interface OpenedJob {
  readonly recipe: Recipe;
  /** The rules of earlier recipes, by their number in the ledger. */
  readonly earlier: ReadonlyMap<number, readonly RuleRecord[]>;
  readonly dispose: () => void;
}

export interface JudgeHandedOutOptions {
  readonly desk: Desk;
  /** Null where the job is over. */
  readonly open: (job: string) => Promise<OpenedJob | null>;
  /** A picture by what is known of its places; null where it is not to be had here. */
  readonly read: (sample: StoredSample, places: readonly WorkPlace[]) => Promise<Buffer | null>;
  /** A picture that cannot be had here is gone; else its pairs go back to who handed them out. */
  readonly hasAllPictures: boolean;
  /** Ends the work and gives back the batch at hand. */
  readonly signal: AbortSignal;
  readonly onJudged?: (done: { readonly batches: number; readonly pairs: number }) => void;
}

const pollMs = 250;

/** Returns how much was judged when all is over, or when the signal ends it. */
export async function judgeHandedOut(
  options: JudgeHandedOutOptions,
): Promise<{ readonly batches: number; readonly pairs: number }> {
  const { desk, open, read, hasAllPictures, signal, onJudged } = options;
  let [batches, pairs] = [0, 0];
  let opened = null as (OpenedJob & { readonly job: string }) | null;
  try {
    while (!signal.aborted) {
      const task = await desk.next();
      if (task === 'over') break;
      if (task === 'wait') {
        await sleep(pollMs, undefined, { signal }).catch(() => undefined);
        continue;
      }
      if (opened?.job !== task.job) {
        opened?.dispose();
        opened = null;
        const job = await open(task.job).catch(async (error: unknown) => {
          // Nobody has tried to judge it.
          await desk.giveBack(task);
          throw error;
        });
        if (job === null) continue;
        opened = { ...job, job: task.job };
      }
      const { recipe, earlier } = opened;
      const content = await unpackBatch(task.content);
      const reusable = reusableVerdicts(ruleRecords(recipe), (number) => earlier.get(number) ?? []);
      const judged = judgeBatch(content.pairs, recipe, {
        reusable,
        signal,
        scoresOf: (subject) => content.scores[subject] ?? {},
        read: (sample) => read(sample, content.places[sample.sha256] ?? []),
      });
      const verdicts = await judged.catch((error: unknown) => {
        // What is read when the signal comes throws its reason.
        if (signal.aborted) return [];
        throw error;
      });
      if (signal.aborted) {
        await desk.giveBack(task);
        break;
      }
      const sure = hasAllPictures ? verdicts : verdicts.filter(({ reason }) => reason !== rawMissing);
      await desk.finish(task, await packVerdicts(sure), sure.length);
      [batches, pairs] = [batches + 1, pairs + sure.length];
      onJudged?.({ batches, pairs });
    }
  } finally {
    opened?.dispose();
  }
  return { batches, pairs };
}
