/**
 * Image-text retrieval as the paper reports it (ImageBERT §5.2): for each sentence the rank of its image among all images, for
 * each image the best rank of its sentences among all sentences; recall at 1, 5 and 10, beside what chance gives. Every pair
 * is scored by ITM; or, much faster, ITC finds the likeliest candidates and ITM helps to order those (ALBEF §3).
 */
import { setImmediate } from 'node:timers/promises';
import { expected, UserError } from '../dataset/user-error.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { Example } from './example.ts';
import { itcSize } from './parameters.ts';
import type { Watch } from './progress.ts';
import type { Regions } from './regions/region.ts';
import { type PairIndex, type Scorer, type ScorerOptions, scorer } from './score.ts';

export interface EvaluateOptions extends ScorerOptions {
  /** A checkpoint folder, or a run, whose newest one is taken. */
  readonly checkpoint: string;
  /** Pairs; several with one imageId are several sentences of one image. */
  readonly examples: readonly Example[];
  /** Names the regions of the examples; another than the checkpoint's is refused. */
  readonly detector?: string;
  /** Retrieval within each of so many equal parts, averaged. COCO's 1k protocol: 5 parts of 1,000 images. */
  readonly folds?: number;
  /**
   * itm scores all pairs; itc only compares embeddings; rerank orders ITC's `candidates` by the sum of both logits (the sum is
   * ours; ALBEF orders by ITM alone).
   */
  readonly method?: 'itm' | 'itc' | 'rerank';
  /** Of each query, for rerank. ALBEF: 128 on Flickr30k. */
  readonly candidates?: number;
}

export interface Recalls {
  /** Shares of queries, 0 to 1, whose answer is among the first 1, 5, 10. */
  readonly r1: number;
  readonly r5: number;
  readonly r10: number;
}

export interface RetrievalResult {
  readonly images: number;
  readonly texts: number;
  readonly folds: number;
  readonly method: 'itm' | 'itc' | 'rerank';
  /** Image for sentence */
  readonly imageRetrieval: Recalls;
  /** Sentence for image */
  readonly textRetrieval: Recalls;
  readonly chance: { readonly imageRetrieval: Recalls; readonly textRetrieval: Recalls };
  readonly pairsScored: number;
  readonly pairsPerSecond: number;
  readonly checkpoint: string;
}

export interface EvaluateProgress {
  readonly done: number;
  readonly total: number;
  readonly pairsPerSecond: number;
}

/** Throws a UserError for a checkpoint of another detector or feature width, and for fewer than two images. */
export async function evaluateRetrieval(
  options: EvaluateOptions,
  { onProgress, signal }: Watch<EvaluateProgress> = {},
): Promise<RetrievalResult> {
  const { examples, folds = 1, method = 'itm', candidates = 128 } = options;
  const checkpoint = readCheckpoint(options.checkpoint);
  const { config, detector, objectives } = checkpoint;
  if (options.detector !== undefined && options.detector !== detector) {
    throw expected(`${detector}, the checkpoint's`, 'the detector', options.detector, 'extract regions with it first');
  }
  if (method !== 'itm' && objectives.itc === 0) {
    throw expected('a checkpoint that learned ITC', `method ${method}`, options.checkpoint, 'use the method itm');
  }
  const sets = splitImages(examples, folds);
  for (const { images } of sets) {
    const width = (images[0] as Regions).features.length / (images[0] as Regions).labels.length;
    if (width !== config.featureSize) {
      throw expected(
        `features of ${config.featureSize} numbers`,
        'the regions',
        width,
        'extract them with the same detector',
      );
    }
  }
  // What ITC chooses for reranking is known only when it has; until then the most that it can be.
  const left = sets.map(({ images, texts }) => mostPairs(images.length, texts.length, method, candidates));
  const started = performance.now();
  let done = 0;
  const speed = () => done / Math.max(1e-3, (performance.now() - started) / 1000);
  const score = scorer(checkpoint, options);
  try {
    const results: { found: ByDirection; chance: ByDirection }[] = [];
    for (const [fold, set] of sets.entries()) {
      const table = await scoreTable(set, score, { method, candidates }, async (scored, remaining) => {
        done += scored;
        left[fold] = remaining;
        onProgress?.({ done, total: done + left.reduce((sum, pairs) => sum + pairs, 0), pairsPerSecond: speed() });
        await setImmediate();
        signal?.throwIfAborted();
      });
      results.push({ found: recalls(table, set), chance: chanceRecalls(set) });
    }
    const mean = (of: (result: (typeof results)[number]) => Recalls): Recalls => {
      const average = (key: keyof Recalls) => results.reduce((sum, one) => sum + of(one)[key], 0) / results.length;
      return { r1: average('r1'), r5: average('r5'), r10: average('r10') };
    };
    return {
      images: sets.reduce((sum, { images }) => sum + images.length, 0),
      texts: sets.reduce((sum, { texts }) => sum + texts.length, 0),
      folds,
      method,
      imageRetrieval: mean(({ found }) => found.image),
      textRetrieval: mean(({ found }) => found.text),
      chance: { imageRetrieval: mean(({ chance }) => chance.image), textRetrieval: mean(({ chance }) => chance.text) },
      pairsScored: done,
      pairsPerSecond: speed(),
      checkpoint: checkpoint.dir,
    };
  } finally {
    score.dispose();
  }
}

/** Images and texts of one fold; `owner` says for each text which image it describes. */
export interface RetrievalSet {
  readonly images: readonly Regions[];
  readonly texts: readonly (readonly number[])[];
  readonly owner: readonly number[];
}

/** Groups examples by image and cuts the images, in order, into equal folds. */
export function splitImages(examples: readonly Example[], folds: number): RetrievalSet[] {
  const byImage = new Map<string, Example[]>();
  for (const example of examples) {
    const group = byImage.get(example.imageId);
    if (group) group.push(example);
    else byImage.set(example.imageId, [example]);
  }
  const groups = [...byImage.values()];
  const size = Math.floor(groups.length / folds);
  if (size < 2)
    throw new UserError(`Expected two images or more for each fold but received ${groups.length}; export more pairs.`);
  return Array.from({ length: folds }, (_, fold) => {
    const own = groups.slice(fold * size, (fold + 1) * size);
    return {
      images: own.map((group) => (group[0] as Example).regions),
      texts: own.flatMap((group) => group.map(({ pieces }) => pieces)),
      owner: own.flatMap((group, image) => group.map(() => image)),
    };
  });
}

interface Method {
  readonly method: 'itm' | 'itc' | 'rerank';
  readonly candidates: number;
}

function mostPairs(images: number, texts: number, method: Method['method'], candidates: number): number {
  if (method === 'itm') return images * texts;
  if (method === 'itc') return 0;
  return images * Math.min(candidates, texts) + texts * Math.min(candidates, images);
}

interface ByDirection {
  readonly image: Recalls;
  readonly text: Recalls;
}

/** Scores [images × texts], higher is likelier. */
async function scoreTable(
  { images, texts }: RetrievalSet,
  score: Scorer,
  { method, candidates }: Method,
  tick: (scored: number, remaining: number) => Promise<void>,
): Promise<Float32Array> {
  const table = new Float32Array(images.length * texts.length);
  const fill = async (pairs: readonly PairIndex[], later = 0) => {
    const step = 2048;
    for (let from = 0; from < pairs.length; from += step) {
      const chosen = pairs.slice(from, from + step);
      const logits = score.match(images, texts, chosen);
      chosen.forEach(([image, text], index) => {
        table[image * texts.length + text] = logits[index] as number;
      });
      await tick(chosen.length, pairs.length - from - chosen.length + later);
    }
  };
  if (method === 'itm') {
    // Texts of similar length together, and blocks that share images and texts, so that little is padded or embedded twice.
    const byLength = texts.map((_, index) => index).sort((a, b) => (texts[a]?.length ?? 0) - (texts[b]?.length ?? 0));
    const block = 16;
    let left = texts.length * images.length;
    for (let text = 0; text < texts.length; text += block) {
      const some = byLength.slice(text, text + block);
      left -= some.length * images.length;
      await fill(
        images.flatMap((_, image) => some.map((one) => [image, one] as const)),
        left,
      );
    }
    return table;
  }
  const seen = score.embedImages(images);
  const said = score.embedTexts(texts);
  for (let image = 0; image < images.length; image++) {
    for (let text = 0; text < texts.length; text++) {
      let sum = 0;
      for (let at = 0; at < itcSize; at++) sum += (seen[image * itcSize + at] ?? 0) * (said[text * itcSize + at] ?? 0);
      table[image * texts.length + text] = sum;
    }
  }
  if (method === 'rerank') {
    const chosen = likeliest(table, images.length, texts.length, candidates);
    const similar = Float32Array.from(table, (one) => one * score.similarityScale);
    table.forEach((_, index) => {
      table[index] = (similar[index] as number) - belowAll;
    });
    await fill(chosen);
    for (const [image, text] of chosen) {
      const place = image * texts.length + text;
      table[place] = (table[place] as number) + (similar[place] as number);
    }
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
    order.sort((a, b) => (table[place(b)] as number) - (table[place(a)] as number));
    for (const index of order.slice(0, candidates)) chosen.add(place(index));
  };
  for (let image = 0; image < images; image++) best(texts, (text) => image * texts + text);
  for (let text = 0; text < texts; text++) best(images, (image) => image * texts + text);
  return [...chosen].map((place) => [Math.floor(place / texts), place % texts] as const);
}

/** Recalls from a table of scores. A tie counts against the model: equal scores rank before the answer. */
export function recalls(table: Float32Array, { images, texts, owner }: RetrievalSet): ByDirection {
  const at = (image: number, text: number) => table[image * texts.length + text] as number;
  const imageRanks = texts.map((_, text) => {
    const answer = owner[text] as number;
    return images.filter((_, image) => image !== answer && at(image, text) >= at(answer, text)).length;
  });
  const textRanks = images.map((_, image) => {
    const own = texts.map((_, text) => text).filter((text) => owner[text] === image);
    const best = Math.max(...own.map((text) => at(image, text)));
    return texts.filter((_, text) => owner[text] !== image && at(image, text) >= best).length;
  });
  return { image: recallsOfRanks(imageRanks), text: recallsOfRanks(textRanks) };
}

function recallsOfRanks(ranks: readonly number[]): Recalls {
  const within = (limit: number) => ranks.filter((rank) => rank < limit).length / ranks.length;
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/** What a random order gives on average. */
export function chanceRecalls({ images, texts, owner }: RetrievalSet): ByDirection {
  const imageAt = (limit: number) => Math.min(1, limit / images.length);
  const counts = images.map((_, image) => owner.filter((one) => one === image).length);
  const textAt = (limit: number) => {
    const misses = counts.map((count) => {
      let miss = 1;
      for (let drawn = 0; drawn < Math.min(limit, texts.length); drawn++) {
        miss *= Math.max(0, texts.length - count - drawn) / (texts.length - drawn);
      }
      return miss;
    });
    return 1 - misses.reduce((sum, miss) => sum + miss, 0) / misses.length;
  };
  const table = (recall: (limit: number) => number) => ({ r1: recall(1), r5: recall(5), r10: recall(10) });
  return { image: table(imageAt), text: table(textAt) };
}
