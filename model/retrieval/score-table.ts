/** Scores of every image with every text, by one of three methods. */
import type { RetrievalSet } from '../ranking/recall.ts';
import { fewRows, type PairIndex, similarities } from '../ranking/scoring.ts';
import type { RetrievalModel } from './retrieval-model.ts';

export interface Method {
  /**
   * itm scores all pairs; itc only compares embeddings; rerank orders ITC's `candidates` by the sum of both logits (the sum is
   * ours; ALBEF orders by ITM alone).
   */
  readonly method: 'itm' | 'itc' | 'rerank';
  /** Of each query, for rerank. ALBEF: 128 on Flickr30k. */
  readonly candidates: number;
}

/** Matching logits as far as they are known, [images × texts]. */
export interface Matching {
  readonly logits: Float32Array;
  /** Makes those of some pairs known; `left` pairs are to come after them. */
  match(pairs: readonly PairIndex[], left: number): Promise<void>;
}

/** The most pairs that ITM will be asked for. What ITC chooses for reranking is known only when it has. */
export function maxPairs({ images, texts }: RetrievalSet, { method, candidates }: Method): number {
  if (method === 'itm') return images.length * texts.length;
  if (method === 'itc') return 0;
  return images.length * Math.min(candidates, texts.length) + texts.length * Math.min(candidates, images.length);
}

/** Scores [images × texts], higher is likelier. */
export async function scoreTable(
  set: RetrievalSet,
  score: RetrievalModel,
  matching: Matching,
  { method, candidates }: Method,
): Promise<Float32Array> {
  if (method === 'itm') return matchAll(set, matching);
  const similar = similarities(set, score);
  return method === 'itc' ? similar : rerank(set, similar, matching, score.similarityScale(), candidates);
}

/** Pairs in one call of `match`. */
const pairsAtOnce = 2048;

async function matchEach(matching: Matching, pairs: readonly PairIndex[], later = 0): Promise<void> {
  for (let from = 0; from < pairs.length; from += pairsAtOnce) {
    const chosen = pairs.slice(from, from + pairsAtOnce);
    await matching.match(chosen, pairs.length - from - chosen.length + later);
  }
}

/** Texts of similar length together, so that little is padded. */
const byLength =
  ({ texts }: RetrievalSet) =>
  (one: number, other: number): number =>
    (texts[one]?.length ?? 0) - (texts[other]?.length ?? 0);

async function matchAll(set: RetrievalSet, matching: Matching): Promise<Float32Array> {
  const { images, texts } = set;
  const order = texts.map((_, index) => index).sort(byLength(set));
  let left = texts.length * images.length;
  // Blocks that share images and texts, so that little is embedded twice.
  for (let text = 0; text < texts.length; text += fewRows) {
    const some = order.slice(text, text + fewRows);
    left -= some.length * images.length;
    const pairs = images.flatMap((_, image) => some.map((one) => [image, one] as const));
    await matchEach(matching, pairs, left);
  }
  return matching.logits;
}

async function rerank(
  set: RetrievalSet,
  table: Float32Array,
  matching: Matching,
  similarityScale: number,
  candidates: number,
): Promise<Float32Array> {
  const { images, texts } = set;
  const chosen = likeliest(table, images.length, texts.length, candidates);
  const similar = Float32Array.from(table, (one) => one * similarityScale);
  table.forEach((_, index) => {
    table[index] = similar[index]! - belowAll;
  });
  const shorterFirst = byLength(set);
  chosen.sort(([, one], [, other]) => shorterFirst(one, other) || one - other);
  await matchEach(matching, chosen);
  for (const [image, text] of chosen) {
    const place = image * texts.length + text;
    table[place] = matching.logits[place]! + similar[place]!;
  }
  return table;
}

/** Puts what was not reranked below every logit, in the order of its similarity. */
const belowAll = 1e3;

/** For each row and each column of a table its highest places. */
function likeliest(table: Float32Array, images: number, texts: number, candidates: number): PairIndex[] {
  const chosen = new Set<number>();
  const best = (count: number, place: (index: number) => number) => {
    const order = Array.from({ length: count }, (_, index) => index);
    order.sort((a, b) => table[place(b)]! - table[place(a)]!);
    for (const index of order.slice(0, candidates)) chosen.add(place(index));
  };
  for (let image = 0; image < images; image++) best(texts, (text) => image * texts + text);
  for (let text = 0; text < texts; text++) best(images, (image) => image * texts + text);
  return [...chosen].map((place) => [Math.floor(place / texts), place % texts] as const);
}
