/**
 * Signs that an objective does not learn what it should, as lines for a person: it has turned (what it learns of the training pairs
 * makes it worse on held-out ones), or matching has not begun to learn (its loss is the entropy of its labels). Each is said once,
 * and again only after it was over.
 */
import { type ObjectiveName, objectiveNames } from '../net/objective.ts';
import type { HeldOutMeasures } from './progress.ts';

/** Evaluations in a row that a sign must last. Ours. */
const lasting = 3;
/** Held-out losses are of the same pairs each time, so that a rise by this share is none of the sample's. Ours. */
const turnedShare = 0.02;
/** A loss above this share of the entropy of the labels has learned nothing of them. Ours. */
const entropyShare = 0.98;

/** What is known of the evaluations so far; part of a checkpoint. */
export interface Signs {
  readonly lowest: Partial<Record<ObjectiveName, Lowest>>;
  /** Evaluations in a row at which matching was at the entropy of its labels. */
  readonly atEntropy: number;
}

interface Lowest {
  readonly step: number;
  readonly heldOut: number;
  /** Mean training loss before that evaluation. */
  readonly training: number;
  /** Evaluations after it that were higher by `turnedShare`, in a row. */
  readonly above: number;
}

export const noSigns: Signs = { lowest: {}, atEntropy: 0 };

/** Losses of training are means since the last evaluation. */
interface Evaluation {
  readonly step: number;
  readonly training: { readonly losses: Partial<Record<ObjectiveName, number>>; readonly itmEntropy?: number };
  readonly heldOut: Pick<HeldOutMeasures, 'losses' | 'itmEntropy'>;
}

/** What an evaluation adds to the signs, and the lines to say. */
export function signsAfter(before: Signs, evaluation: Evaluation): { signs: Signs; lines: string[] } {
  const { step, training, heldOut } = evaluation;
  const lowest: Partial<Record<ObjectiveName, Lowest>> = { ...before.lowest };
  const lines: string[] = [];
  for (const name of objectiveNames) {
    const [own, learned] = [heldOut.losses[name], training.losses[name]];
    if (own === undefined || learned === undefined) continue;
    const known = lowest[name];
    if (known === undefined || own < known.heldOut) {
      lowest[name] = { step, heldOut: own, training: learned, above: 0 };
      continue;
    }
    const turning = own > known.heldOut * (1 + turnedShare) && learned < known.training;
    lowest[name] = { ...known, above: turning ? known.above + 1 : 0 };
    if (lowest[name].above === lasting) {
      lines.push(
        `${name} has turned: its held-out loss rose from ${shown(known.heldOut)} at step ${known.step} to ${shown(own)} ` +
          `while training's fell from ${shown(known.training)} to ${shown(learned)}`,
      );
    }
  }
  const stuck = stays(training.losses.itm, training.itmEntropy) && stays(heldOut.losses.itm, heldOut.itmEntropy);
  const atEntropy = stuck ? before.atEntropy + 1 : 0;
  if (atEntropy === lasting) {
    lines.push(
      `itm has learned nothing yet: its loss stays at the entropy of its labels (${shown(training.losses.itm!)} of ` +
        `${shown(training.itmEntropy!)}), as if it said the same of every pair`,
    );
  }
  return { signs: { lowest, atEntropy }, lines };
}

const stays = (loss: number | undefined, entropy: number | undefined): boolean =>
  loss !== undefined && entropy !== undefined && loss >= entropyShare * entropy;

const shown = (loss: number): string => loss.toFixed(3);
