/**
 * Image-text retrieval as the paper reports it (ImageBERT §5.2): for each sentence the rank of its image among all images, for
 * each image the best rank of its sentences among all sentences; recall at 1, 5 and 10, beside what chance gives. Every pair
 * is scored by ITM; or, much faster, ITC finds the likeliest candidates and ITM helps to order those (ALBEF §3), as much as was
 * fitted on pairs that are not evaluated.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expected, UserError } from '../../dataset/user-error.ts';
import type { Example } from '../data/example.ts';
import { cosinesOf, cosinesWithoutHubs, crossFittedHubness, type TakenOff } from '../ranking/hubs.ts';
import {
  type CaptionedFeature,
  type LinearMapResult,
  linearMapRetrieval,
  minTrainingImages,
  type TextSpace,
} from '../ranking/linear-map.ts';
import {
  type ByDirection,
  chanceRecalls,
  meanRecalls,
  type Ranks,
  type Recalls,
  type RetrievalSet,
  ranks,
  ranksByHalf,
} from '../ranking/recall.ts';
import { crossFittedRanks, rerankedTable } from '../ranking/rerank.ts';
import { embedInBatches } from '../ranking/scoring.ts';
import { type Order, type Step, stepsOf } from '../ranking/steps.ts';
import type { Precision } from '../runtime/traced-function.ts';
import { type Checkpoint, readCheckpoint } from '../train/checkpoint.ts';
import { type KeptHubBank, readHubBank } from '../train/hub-bank.ts';
import type { Watch } from '../train/progress.ts';
import { isBeside, type RerankWeight, readRerankWeight } from '../train/rerank-weight.ts';
import { evaluateDefaults } from './defaults.ts';
import { openRetrievalModel, type RetrievalModelOptions } from './retrieval-model.ts';
import { openScoreLog, passingLog } from './score-log.ts';
import { type Matching, type Method, matchAll, maxPairs, rerankScores } from './score-table.ts';

export interface EvaluateOptions extends RetrievalModelOptions {
  /** A checkpoint folder, or a run, whose newest one is taken. */
  readonly checkpoint: string;
  /** Pairs; several with one imageId are several sentences of one image. */
  readonly examples: readonly Example[];
  /** Names the regions of the examples; another than the checkpoint's is refused. */
  readonly detector?: string;
  /** Retrieval within each of so many equal parts, averaged. COCO's 1k protocol: 5 parts of 1,000 images. */
  readonly folds?: number;
  /** `auto`, the default: re-ranking where ITC and ITM were learned, else the one of them that was. */
  readonly method?: Method['method'] | 'auto';
  readonly candidates?: number;
  /** Where ITM's scores are kept as they are made (`*.scores`), until the end: the same evaluation goes on from there after a stop. */
  readonly logFolder?: string;
  /** What a linear map is fitted to, to stand beside the model. */
  readonly linearMap?: { readonly training: readonly CaptionedFeature[]; readonly space: TextSpace };
}

export interface RetrievalResult {
  readonly images: number;
  readonly texts: number;
  readonly folds: number;
  readonly method: Method['method'];
  /** Image for sentence */
  readonly imageRetrieval: Recalls;
  /** Sentence for image */
  readonly textRetrieval: Recalls;
  readonly chance: { readonly imageRetrieval: Recalls; readonly textRetrieval: Recalls };
  /** null where there is nothing to fit it to. */
  readonly linearMap: LinearMapResult | null;
  /** What led to the result, the last of them: contrast as it is, without hubs where the checkpoint has a bank, re-ranked by matching. */
  readonly steps: readonly Step[];
  /** How hubs were taken off contrast's similarities, once each fold, or once each half of each; null where the checkpoint has no bank that tells them. */
  readonly hubs: ({ readonly taken: readonly TakenOff[] } & HubsOrigin) | null;
  /** How much matching counts beside contrast, by method rerank, one weight, or those of each half of each fold, without those that are there already; else null. */
  readonly rerank: ({ readonly weights: readonly number[] } & WeightOrigin) | null;
  /** By matching, those of an earlier start among them; 0 by method itc. */
  readonly pairsScored: number;
  /** While matching scored; null where it scored none now. */
  readonly pairsPerSecond: number | null;
  readonly checkpoint: string;
}

export interface HubsOrigin {
  /** How much is taken off is fitted on the run's held-out pairs, or on each half of these for the other. */
  readonly fittedOn: 'held-out' | 'other-half';
  /** Whether it was fitted on images that are now evaluated; or the bank holds such, or does not say of which it is: the gain is then null. */
  readonly why?: 'same-images' | 'in-bank' | 'unknown';
}

export interface WeightOrigin {
  /** Fitted on the run's held-out pairs, or on each half of these for the other. */
  readonly fittedOn: 'held-out' | 'other-half';
  /**
   * Whether the checkpoint has none, one that was fitted on images that are now evaluated, one beside other hubs than are now taken off, or one
   * that does not say on which images.
   */
  readonly why?: 'none' | 'same-images' | 'other-hubs' | 'unknown';
}

export interface EvaluateProgress {
  /** Contrast embeds images and texts, then matching scores pairs, in each fold. */
  readonly what: 'embeddings' | 'pairs';
  /** Of all folds; of pairs, those that an earlier start scored are among them. */
  readonly done: number;
  readonly total: number;
  /** While it was at this work, without what an earlier start did. */
  readonly perSecond: number;
}

/** How a checkpoint is evaluated that learned these objectives. */
export function methodOf(
  { objectives: { itc, itm } }: Pick<Checkpoint, 'objectives'>,
  asked: NonNullable<EvaluateOptions['method']>,
): Method['method'] {
  if (asked !== 'auto') return asked;
  return itc === 0 ? 'itm' : itm === 0 ? 'itc' : 'rerank';
}

/** Throws a UserError for a checkpoint of another detector or feature width, and for fewer than two images. */
export async function evaluateRetrieval(
  options: EvaluateOptions,
  { onProgress, signal }: Watch<EvaluateProgress> = {},
): Promise<RetrievalResult> {
  const { examples, folds, candidates, precision, method: asked } = { ...evaluateDefaults, ...options };
  const checkpoint = readCheckpoint(options.checkpoint);
  const { config, detector, objectives } = checkpoint;
  const method = methodOf({ objectives }, asked);
  if (options.detector !== undefined && options.detector !== detector) {
    throw expected(`${detector}, the checkpoint's`, 'the detector', options.detector, 'extract regions with it first');
  }
  const missing = (['itc', 'itm'] as const).find((one) => objectives[one] === 0 && [one, 'rerank'].includes(method));
  if (missing) {
    const other = missing === 'itc' ? 'itm' : 'itc';
    const advice = objectives[other] > 0 ? `use the method ${other}` : 'train it with a weight for itc or itm';
    throw expected(
      `a checkpoint that learned ${missing.toUpperCase()}`,
      `method ${method}`,
      options.checkpoint,
      advice,
    );
  }
  const sets = splitImages(examples, folds);
  for (const { images } of sets) {
    const width = images[0]!.features.length / images[0]!.labels.length;
    if (width !== config.featureSize) {
      throw expected(
        `features of ${config.featureSize} numbers`,
        'the regions',
        width,
        'extract them with the same detector',
      );
    }
  }
  const kept = method === 'rerank' ? readRerankWeight(checkpoint.dir) : undefined;
  const bank = method === 'itm' ? undefined : readHubBank(checkpoint.dir);
  const weightFrom = weightOrigin(kept, bank, examples);
  const rerankWeights: number[] = [];
  const hubsFrom = bank && hubsOrigin(bank, examples);
  const taken: TakenOff[] = [];
  const wanted = { method, candidates };
  const left = sets.map((set) => maxPairs(set, wanted));
  const places = sets.map(({ images, texts }) => images.length * texts.length);
  const size = method === 'itc' ? 0 : places.reduce((sum, count) => sum + count, 0);
  const { logFolder } = options;
  const log =
    logFolder && size > 0 ? openScoreLog(logFolder, keyOf(checkpoint, sets, precision), size) : passingLog(size);
  const score = openRetrievalModel(checkpoint, { ...options, precision });
  const [embedding, scoring] = [stopwatch(), stopwatch()];
  const toEmbed = sets.reduce((sum, { images, texts }) => sum + images.length + texts.length, 0);
  const onEmbedded = () =>
    onProgress?.({ what: 'embeddings', done: embedding.count(), total: toEmbed, perSecond: embedding.perSecond() });
  const timedEmbedding: Parameters<typeof embedInBatches>[1] = {
    batchPairs: score.batchPairs,
    embedImages: (some) => embedding.timed(some.length, () => score.embedImages(some)),
    embedTexts: (some) => embedding.timed(some.length, () => score.embedTexts(some)),
  };
  let done = 0;
  try {
    const results: { orders: readonly Order[]; owner: readonly number[]; chance: ByDirection }[] = [];
    let firstPlace = 0;
    for (const [fold, set] of sets.entries()) {
      const { images, texts } = set;
      const first = firstPlace;
      const logits = log.known.subarray(first, first + places[fold]!);
      const match: Matching['match'] = async (pairs, remaining) => {
        const placeOf = ([image, text]: readonly [number, number]) => image * texts.length + text;
        const fresh = pairs.filter((pair) => Number.isNaN(logits[placeOf(pair)]));
        const added = fresh.map((pair) => first + placeOf(pair));
        if (fresh.length > 0)
          log.add(
            added,
            scoring.timed(fresh.length, () => score.match(images, texts, fresh)),
          );
        done += pairs.length;
        left[fold] = remaining;
        const total = done + left.reduce((sum, count) => sum + count, 0);
        onProgress?.({ what: 'pairs', done, total, perSecond: scoring.perSecond() });
        await setImmediate();
        signal?.throwIfAborted();
      };
      const matching = { logits, match };
      const orders: Order[] = [];
      if (method === 'itm') {
        orders.push({ by: 'matching', ...ranks(await matchAll(set, matching), set.owner) });
      } else {
        const embedded = await embedInBatches(set, timedEmbedding, { signal, onItems: onEmbedded });
        // One table, or one for each half of the images where halves are ranked each by the other.
        let similar = [cosinesOf(embedded.images, embedded.texts)];
        orders.push({ by: 'contrast', ...ranksOfTables(similar, set.owner) });
        if (bank && hubsFrom) {
          const own =
            hubsFrom.fittedOn === 'other-half'
              ? crossFittedHubness({ ...embedded, owner: set.owner }, bank)
              : [bank.taken];
          taken.push(...own);
          similar = own.map((one) => cosinesWithoutHubs(embedded.images, embedded.texts, { ...bank, taken: one }));
          const seen = hubsFrom.why === 'in-bank' || hubsFrom.why === 'unknown';
          orders.push({ by: 'hubs', seen, ...ranksOfTables(similar, set.owner) });
        }
        if (method === 'rerank') {
          const scale = score.similarityScale();
          const logitsOfContrast = similar.map((table) => table.map((one) => one * scale));
          const scores = await rerankScores(set, logitsOfContrast, matching, candidates);
          const weight = kept && weightFrom.fittedOn === 'held-out' ? kept.weight : undefined;
          const { weights, ...ranked } =
            weight === undefined
              ? crossFittedRanks(scores[0]!, scores.at(-1))
              : {
                  ...ranksOfTables(
                    scores.map((one) => rerankedTable(one, weight)),
                    set.owner,
                  ),
                  weights: [weight],
                };
          for (const weight of weights) if (!rerankWeights.includes(weight)) rerankWeights.push(weight);
          orders.push({ by: 'matching', ...ranked });
        }
      }
      results.push({ orders, owner: set.owner, chance: chanceRecalls(set) });
      firstPlace += places[fold]!;
    }
    log.remove();
    const { training = [], space } = options.linearMap ?? {};
    const linearMap =
      space && training.length >= minTrainingImages ? await linearMapRetrieval(training, sets, space) : null;
    const steps = stepsOf(results);
    const mean = (of: (result: (typeof results)[number]) => Recalls): Recalls => meanRecalls(results.map(of));
    return {
      images: sets.reduce((sum, { images }) => sum + images.length, 0),
      texts: sets.reduce((sum, { texts }) => sum + texts.length, 0),
      folds,
      method,
      imageRetrieval: steps.at(-1)!.imageRetrieval,
      textRetrieval: steps.at(-1)!.textRetrieval,
      chance: { imageRetrieval: mean(({ chance }) => chance.image), textRetrieval: mean(({ chance }) => chance.text) },
      linearMap,
      steps,
      hubs: hubsFrom ? { taken, ...hubsFrom } : null,
      rerank: method === 'rerank' ? { weights: rerankWeights, ...weightFrom } : null,
      pairsScored: done,
      pairsPerSecond: scoring.count() > 0 ? scoring.perSecond() : null,
      checkpoint: checkpoint.dir,
    };
  } finally {
    log.close();
    score.dispose();
  }
}

/** How many of something were made, and how many a second of making them. */
function stopwatch() {
  let [count, ms] = [0, 0];
  return {
    timed<T>(more: number, make: () => T): T {
      const started = performance.now();
      const made = make();
      ms += performance.now() - started;
      count += more;
      return made;
    },
    count: () => count,
    perSecond: () => count / Math.max(1e-3, ms / 1000),
  };
}

/** Ranks by a table, or of each half of the images by one of its own. */
const ranksOfTables = ([first, second]: readonly Float32Array[], owner: readonly number[]): Ranks =>
  second ? ranksByHalf([ranks(first!, owner), ranks(second, owner)], owner) : ranks(first!, owner);

const someOf = (ids: readonly string[], examples: readonly Example[]): boolean => {
  const known = new Set(ids);
  return examples.some(({ imageId }) => known.has(imageId));
};

function hubsOrigin({ madeOf }: KeptHubBank, examples: readonly Example[]): HubsOrigin {
  if (!madeOf) return { fittedOn: 'held-out', why: 'unknown' };
  if (someOf(madeOf.bank, examples)) return { fittedOn: 'held-out', why: 'in-bank' };
  return someOf(madeOf.heldOut, examples) ? { fittedOn: 'other-half', why: 'same-images' } : { fittedOn: 'held-out' };
}

function weightOrigin(
  kept: RerankWeight | undefined,
  bank: KeptHubBank | undefined,
  examples: readonly Example[],
): WeightOrigin {
  if (!kept) return { fittedOn: 'other-half', why: 'none' };
  if (!isBeside(kept, bank)) return { fittedOn: 'other-half', why: 'other-hubs' };
  if (!kept.images) return { fittedOn: 'other-half', why: 'unknown' };
  return someOf(kept.images, examples) ? { fittedOn: 'other-half', why: 'same-images' } : { fittedOn: 'held-out' };
}

/** Names what the scores depend on: the weights, the images and texts, and the precision. */
function keyOf(
  { config, values, featureStatistics }: Checkpoint,
  sets: readonly RetrievalSet[],
  precision: Precision,
): string {
  const hash = createHash('sha256').update(JSON.stringify({ precision, config }));
  hash.update(featureStatistics.mean).update(featureStatistics.scale);
  for (const [name, array] of values) hash.update(name).update(array);
  for (const { images, texts } of sets) {
    for (const { features, boxes } of images) hash.update(features).update(boxes);
    hash.update(JSON.stringify(texts));
  }
  return `lait scores ${hash.digest('hex')}`;
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
      images: own.map((group) => group[0]!.regions),
      texts: own.flatMap((group) => group.map(({ pieces }) => pieces)),
      owner: own.flatMap((group, image) => group.map(() => image)),
    };
  });
}
