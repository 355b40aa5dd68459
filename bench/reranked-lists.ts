/** What logits beside those of contrast do to its lists, for benches: on lists that are drawn, and to the ranks of a whole split. */
import { recallGain } from '../model/ranking/gain.ts';
import { type Ranks, ranks, recallsOfRanks } from '../model/ranking/recall.ts';
import { fitRerankWeight, rerankedTable } from '../model/ranking/rerank.ts';
import { type List, listLoss } from './contrast-lists.ts';

/** What contrast's cosines are multiplied with, of each direction. */
export type Scales = Readonly<Record<List['wanted'], number>>;

const directions = ['image', 'text'] as const;
const percents = (all: readonly number[]): string => all.map((one) => (100 * one).toFixed(1)).join('/');
const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length;
const spread = (all: readonly number[]): number => Math.sqrt(mean(all.map((one) => (one - mean(all)) ** 2)));

/** The mean loss of lists less that of contrast alone, each direction as heavy; and in words, with standard errors. */
export function gainOnLists(lists: readonly List[], logits: readonly (readonly number[])[], scales: Scales) {
  const sides = directions.map((wanted) => {
    const own = lists.flatMap((list, index) => (list.wanted === wanted ? [{ list, added: logits[index]! }] : []));
    const compared = own.map(({ list, added }) => {
      const before = list.similar.map((one) => scales[wanted] * one);
      const after = before.map((one, place) => one + added[place]!);
      const isFirst = (all: readonly number[]) => Number(list.right[all.indexOf(Math.max(...all))]);
      return { loss: listLoss(list, after) - listLoss(list, before), first: isFirst(after) - isFirst(before) };
    });
    const losses = compared.map(({ loss }) => loss);
    const error = spread(losses) / Math.sqrt(losses.length);
    return {
      loss: mean(losses),
      told: `${wanted}s ${mean(losses).toFixed(4)} ± ${error.toFixed(4)} (R@1 ${(100 * mean(compared.map(({ first }) => first))).toFixed(1)}, spread ${mean(own.map(({ added }) => spread(added))).toFixed(2)})`, // biome-ignore format: one line
    };
  });
  return { loss: mean(sides.map(({ loss }) => loss)), told: sides.map(({ told }) => told).join(', ') };
}

/** The weight of the logits beside contrast that lists are surest to gain by. */
export const weightByLists = (lists: readonly List[], logits: readonly (readonly number[])[], scales: Scales): number =>
  fitRerankWeight(
    lists.map(({ wanted, similar, right }, index) => ({
      wanted,
      right,
      similar: similar.map((one) => scales[wanted] * one),
      matching: logits[index]!,
    })),
  ).weight;

export interface Ranked {
  /** Tables [images × texts]: cosines, and those without hubs. */
  readonly plain: Float32Array;
  readonly without: Float32Array;
  readonly owner: readonly number[];
  /** The first of each query without hubs, and the logits of each. */
  readonly lists: readonly List[];
  readonly logits: readonly (readonly number[])[];
}

/** A line for contrast, for contrast without hubs, and for each weight: recalls, and what they gain over the step before, with intervals. */
export function stepsTold(ranked: Ranked, scales: Scales, weights: readonly number[]): string[] {
  const { plain, without, owner } = ranked;
  const [contrast, hubs] = [ranks(plain, owner), ranks(without, owner)];
  const line = (name: string, after: Ranks, before?: Ranks): string => {
    const sides = directions.map((side) => {
      const image = side === 'image' ? owner : after.text.map((_, one) => one);
      const gains = [1, 5, 10].map((limit) => {
        if (!before) return '';
        const { mean: gain, low, high } = recallGain({ before: before[side], after: after[side], image }, limit);
        return `${(100 * gain).toFixed(2)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
      });
      return `${side}s ${percents(Object.values(recallsOfRanks(after[side])))} ${gains.join(', ')}`;
    });
    return `${name}: ${sides.join('; ')}`;
  };
  return [
    line('contrast', contrast),
    line('without hubs', hubs, contrast),
    ...weights.map((weight) => line(`re-ranked, weight ${weight}`, rerankedBy(ranked, scales, weight), hubs)),
  ];
}

/** Ranks by contrast and a weight of the logits, each direction at its own scale. */
function rerankedBy({ without, owner, lists, logits }: Ranked, scales: Scales, weight: number): Ranks {
  const [image, text] = directions.map((wanted) => {
    const matching = new Float32Array(without.length).fill(Number.NaN);
    lists.forEach((list, index) => {
      if (list.wanted !== wanted) return;
      list.candidates.forEach((one, place) => {
        const [row, column] = wanted === 'image' ? [one, list.query] : [list.query, one];
        matching[row * owner.length + column] = logits[index]![place]!;
      });
    });
    const similar = without.map((one) => scales[wanted] * one);
    return ranks(rerankedTable({ similar, matching, owner }, weight), owner)[wanted];
  });
  return { image: image!, text: text! };
}
