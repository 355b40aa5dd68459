/** Scores of every image with every text, by one of three methods. */
import type { RetrievalSet } from '../ranking/recall.ts';
import { likeliest, type RerankScores } from '../ranking/rerank.ts';
import { fewRows, type PairIndex } from '../ranking/scoring.ts';

export interface Method {
  /**
   * itm scores all pairs; itc only compares embeddings; rerank orders ITC's `candidates` by both, see ranking/rerank.ts.
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

/** Matching logits of all pairs, [images × texts]. */
export async function matchAll(set: RetrievalSet, matching: Matching): Promise<Float32Array> {
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

/** Matching logits of the candidates of contrast, beside its logits: of each table of these, [images × texts], in `similar`. */
export async function rerankScores(
  set: RetrievalSet,
  similar: readonly Float32Array[],
  matching: Matching,
  candidates: number,
): Promise<RerankScores[]> {
  const { images, texts, owner } = set;
  const ofEach = similar.map((table) => likeliest(table, { images: images.length, texts: texts.length }, candidates));
  const placeOf = ([image, text]: PairIndex): number => image * texts.length + text;
  const chosen = [...new Map(ofEach.flat().map((pair) => [placeOf(pair), pair])).values()];
  const shorterFirst = byLength(set);
  chosen.sort(([, one], [, other]) => shorterFirst(one, other) || one - other);
  await matchEach(matching, chosen);
  return similar.map((table, index) => {
    // The log may know others, of an evaluation of all pairs.
    const known = new Float32Array(table.length).fill(Number.NaN);
    for (const pair of ofEach[index]!) known[placeOf(pair)] = matching.logits[placeOf(pair)]!;
    return { similar: table, matching: known, owner };
  });
}
