/**
 * Re-ranking: contrast finds the likeliest candidates of a query, matching helps to order those. ALBEF orders by matching alone; here a
 * score is the logit of contrast plus a weight times the logit of matching, and the weight is fitted on held-out pairs. 0,
 * which is contrast alone, is among those tried, so that re-ranking does not lose to contrast there.
 */
import { sureGain } from './gain.ts';
import { type Ranks, ranks, ranksByHalf, recallsOfRanks } from './recall.ts';
import type { PairIndex } from './scoring.ts';

/** Weights that are tried: 0, and from 1/32 to 8 in steps of √2. Ours. */
export const triedWeights: readonly number[] = [0, ...Array.from({ length: 17 }, (_, step) => 2 ** (step / 2 - 5))];

/** Tables [images × texts]; `owner` names each text's image. */
export interface RerankScores {
  /** Logits of contrast. */
  readonly similar: Float32Array;
  /** Logits of matching; NaN where a pair is no candidate. */
  readonly matching: Float32Array;
  readonly owner: readonly number[];
}

/** An image that looks for its text, or a text for its image: its candidates. */
export interface RerankQuery {
  readonly wanted: 'image' | 'text';
  readonly similar: readonly number[];
  readonly matching: readonly number[];
  readonly right: readonly boolean[];
}

export interface RerankFit {
  /** Of matching's logit beside contrast's. */
  readonly weight: number;
  readonly queries: number;
  /** Mean recall at 1, 5 and 10 of those queries in both directions: by contrast alone, and with the weight. */
  readonly recall: { readonly contrast: number; readonly reranked: number };
}

/** For the first `queries` rows and columns of a table [images × texts] the highest places. */
export function likeliest(
  table: Float32Array,
  { images, texts }: { readonly images: number; readonly texts: number },
  candidates: number,
  queries = Infinity,
): PairIndex[] {
  const chosen = new Set<number>();
  const best = (count: number, place: (index: number) => number) => {
    const order = Array.from({ length: count }, (_, index) => index);
    order.sort((a, b) => table[place(b)]! - table[place(a)]!);
    for (const index of order.slice(0, candidates)) chosen.add(place(index));
  };
  for (let image = 0; image < Math.min(images, queries); image++) best(texts, (text) => image * texts + text);
  for (let text = 0; text < Math.min(texts, queries); text++) best(images, (image) => image * texts + text);
  return [...chosen].map((place) => [Math.floor(place / texts), place % texts] as const);
}

/** The queries of the images that are `asked`, and of their texts, among those images that are `allowed`. */
export function rerankQueries(
  { similar, matching, owner }: RerankScores,
  asked: (image: number) => boolean,
  allowed: (image: number) => boolean = () => true,
): RerankQuery[] {
  const texts = owner.length;
  const images = similar.length / texts;
  const query = (wanted: RerankQuery['wanted'], places: readonly number[], isRight: (place: number) => boolean) => ({
    wanted,
    similar: places.map((place) => similar[place]!),
    matching: places.map((place) => matching[place]!),
    right: places.map(isRight),
  });
  const imageOf = (place: number): number => Math.floor(place / texts);
  const isOwn = (place: number): boolean => owner[place % texts] === imageOf(place);
  const isCandidate = (place: number): boolean => !Number.isNaN(matching[place]!);
  const found: RerankQuery[] = [];
  for (let image = 0; image < images; image++) {
    if (!asked(image)) continue;
    const row = Array.from({ length: texts }, (_, text) => image * texts + text);
    found.push(query('text', row.filter((place) => isCandidate(place) && allowed(owner[place % texts]!)), isOwn)); // biome-ignore format: one line
  }
  for (let text = 0; text < texts; text++) {
    if (!asked(owner[text]!)) continue;
    const column = Array.from({ length: images }, (_, image) => image * texts + text);
    found.push(query('image', column.filter((place) => isCandidate(place) && allowed(imageOf(place))), isOwn)); // biome-ignore format: one line
  }
  return found;
}

/**
 * The weight whose gain over contrast alone is the surest, as `sureGain` counts it, so that a gain which is none of other queries is not
 * followed (docs/benchmarks.md). 0 where none is sure, and where one direction would lose.
 */
export function fitRerankWeight(queries: readonly RerankQuery[]): RerankFit {
  const ofContrast = queries.map((query) => recallOf(query, 0));
  let best = { weight: 0, sure: 0, recall: mean(ofContrast) };
  for (const weight of triedWeights) {
    const own = queries.map((query) => recallOf(query, weight));
    const gains = own.map((recall, index) => recall - ofContrast[index]!);
    const loses = (['image', 'text'] as const).some(
      (wanted) => mean(gains.filter((_, index) => queries[index]!.wanted === wanted)) < 0,
    );
    const sure = sureGain(gains);
    if (!loses && sure > best.sure) best = { weight, sure, recall: mean(own) };
  }
  const recall = { contrast: mean(ofContrast), reranked: best.recall };
  return { weight: best.weight, queries: queries.length, recall };
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, one) => sum + one, 0) / values.length;

/** Mean of the recalls at 1, 5 and 10 of one query. */
function recallOf(query: RerankQuery, weight: number): number {
  const { r1, r5, r10 } = recallsOfRanks([rankOf(query, weight)]);
  return (r1 + r5 + r10) / 3;
}

/** How many wrong candidates come before the best right one; a tie counts against it. Infinity where none is right. */
function rankOf({ similar, matching, right }: RerankQuery, weight: number): number {
  const scores = similar.map((one, index) => one + weight * matching[index]!);
  const best = Math.max(...scores.filter((_, index) => right[index]));
  if (best === -Infinity) return Infinity;
  return scores.filter((score, index) => !right[index] && score >= best).length;
}

/** Puts what is no candidate below every candidate, in the order of its similarity. */
const belowAll = 1e3;

/** Scores [images × texts] with a weight. */
export const rerankedTable = ({ similar, matching }: RerankScores, weight: number): Float32Array =>
  similar.map((one, place) =>
    Number.isNaN(matching[place]!) ? one - belowAll : one + (weight === 0 ? 0 : weight * matching[place]!),
  );

/**
 * Ranks of every query, with the weight that was fitted on the other half of the images and their texts: of no use but for these
 * very scores, of which there is no other part to fit on. Where each half has scores of its own, those of the second are `second`.
 */
export function crossFittedRanks(first: RerankScores, second = first): Ranks & { weights: number[] } {
  const fitted = (scores: RerankScores, half: number): number => {
    const isOther = (image: number): boolean => image % 2 !== half;
    return fitRerankWeight(rerankQueries(scores, isOther, isOther)).weight;
  };
  const weights: [number, number] = [fitted(first, 0), fitted(second, 1)];
  const ranked = [first, second].map((scores, half) => ranks(rerankedTable(scores, weights[half]!), scores.owner));
  return { ...ranksByHalf(ranked as [Ranks, Ranks], first.owner), weights };
}
