/** How retrieval gets better step by step: by contrast, with hubs taken off, re-ranked by matching; each beside the step before it. */
import { type Gain, recallGain } from './gain.ts';
import { meanRecalls, type Recalls, recallsOfRanks } from './recall.ts';

export type StepName = 'contrast' | 'hubs' | 'matching';

/** Ranks of the right answers by one step: of each text's image, of each image's texts. */
export interface Order {
  readonly by: StepName;
  readonly image: readonly number[];
  readonly text: readonly number[];
  /** Whether it may have been made from what is ranked, so that its gain would prove nothing. */
  readonly seen?: boolean;
}

export interface Step {
  readonly by: StepName;
  readonly imageRetrieval: Recalls;
  readonly textRetrieval: Recalls;
  /** In R@1 over the step before, with an interval; null for the first, and where it may have been made from these very pairs. */
  readonly gain: { readonly imageRetrieval: Gain; readonly textRetrieval: Gain } | null;
}

/** Of each fold the same steps, and the image of each text. Recalls are means over the folds, gains are over all queries. */
export function stepsOf(
  folds: readonly { readonly orders: readonly Order[]; readonly owner: readonly number[] }[],
): Step[] {
  const names = folds[0]?.orders.map(({ by }) => by) ?? [];
  return names.map((by, at) => {
    const own = folds.map(({ orders }) => orders[at]!);
    const gainOf = (side: 'image' | 'text'): Gain =>
      recallGain(
        {
          before: folds.flatMap(({ orders }) => orders[at - 1]![side]),
          after: own.flatMap((order) => order[side]),
          // Images of different folds are different ones.
          image: folds.flatMap(({ orders, owner }, fold) =>
            orders[at]![side].map((_, query) => (side === 'image' ? owner[query]! : query) * folds.length + fold),
          ),
        },
        1,
      );
    return {
      by,
      imageRetrieval: meanRecalls(own.map(({ image }) => recallsOfRanks(image))),
      textRetrieval: meanRecalls(own.map(({ text }) => recallsOfRanks(text))),
      gain:
        at === 0 || own.some(({ seen }) => seen)
          ? null
          : { imageRetrieval: gainOf('image'), textRetrieval: gainOf('text') },
    };
  });
}
