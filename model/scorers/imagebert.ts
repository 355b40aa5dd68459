/**
 * An ImageBERT as the relevance scorer (the second generation of LAIT's weak semantic model, ImageBERT §3 step 4): regions of
 * the raw image by the detector that the run was trained with, word pieces by the run's vocabulary, and the probability of
 * matching (ITM) or the cosine of both sides' embeddings (ITC) through the compiled graph.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Embedding, Loaded, RelevanceScorer } from '../../dataset/scorer.ts';
import { expected } from '../../dataset/user-error.ts';
import { tokenizerOfModel } from '../data/tokenizer.ts';
import type { PairIndex } from '../ranking/scoring.ts';
import { normalizedRows } from '../ranking/vectors.ts';
import { mapDecoded } from '../regions/decode-batch.ts';
import { type Detector, detectAll, type Regions } from '../regions/region.ts';
import { openRetrievalModel, type RetrievalModel } from '../retrieval/retrieval-model.ts';
import type { Precision } from '../runtime/traced-function.ts';
import { type Checkpoint, imageMapName, readCheckpoint, weightsName } from '../train/checkpoint.ts';
import { hasImageMap } from '../train/image-map.ts';
import { checkDetectorModel } from '../train/made-from.ts';
import { scoreTextsOfImages } from './texts-of-images.ts';

/** What a pair's number is: `itm` a probability, 0 to 1, of the fused model; `itc` a cosine, -1 to 1, of two embeddings. */
export type RelevanceHead = 'itm' | 'itc';

export interface ImageBertRelevanceOptions {
  /** The one that the checkpoint names; its owner frees it. */
  readonly detector: Detector;
  /**
   * When left out `itc` where the checkpoint learned it, else `itm`: early in training ITC alone agrees with people
   * (docs/decisions/0021-relevance-and-ranking-by-contrast.md).
   */
  readonly head?: RelevanceHead;
  readonly precision?: Precision;
  readonly compiled?: boolean;
}

/** Pairs a call of the graph: what `filters/score-pairs.ts` gives at once. */
const batchPairs = 32;

/**
 * `path` is a checkpoint folder, or a run, whose newest one is taken. The name of the model holds the head and a sum over
 * weights, vocabulary and detector. Throws a UserError for another detector than the checkpoint's, and for the head ITC where
 * the model did not learn it.
 */
export function imageBertRelevance(path: string, options: ImageBertRelevanceOptions): Loaded<RelevanceScorer> {
  const { detector, head: wanted, ...running } = options;
  const checkpoint = readCheckpoint(path);
  const { config, objectives } = checkpoint;
  const head = wanted ?? (objectives.itc > 0 ? 'itc' : 'itm');
  if (detector.name !== checkpoint.detector) {
    throw expected(`${checkpoint.detector}, the checkpoint's`, 'the detector', detector.name, 'set it in lait.yaml');
  }
  checkDetectorModel(checkpoint, detector.model);
  if (detector.featureSize !== config.featureSize) {
    throw expected(
      `features of ${config.featureSize} numbers, as ${path} has learned,`,
      `the detector ${detector.name}`,
      detector.featureSize,
      'set it in lait.yaml as it was',
    );
  }
  if (objectives[head] === 0) {
    throw expected(`a checkpoint that learned ${head.toUpperCase()}`, 'relevance', path, 'take the other head');
  }
  const tokenizer = tokenizerOfModel(checkpoint);
  const model = openRetrievalModel(checkpoint, { batchPairs, ...running });
  const embed: Embedding = {
    images: async (images) =>
      mapDecoded(await detectAll(detector, images, config.maxRegions), (regions) =>
        normalizedRows(model.embedImages(regions), regions.length),
      ),
    texts: async (texts) =>
      normalizedRows(model.embedTexts(texts.map((text) => tokenizer.encode(text, config.maxPieces))), texts.length),
  };
  return {
    ...(head === 'itc' && { embed }),
    model: `imagebert-${head}-${identity(checkpoint, detector)}`,
    score: (pairs) =>
      scoreTextsOfImages(
        pairs,
        (images) => detectAll(detector, images, config.maxRegions),
        (images, texts) => {
          const pieces = texts.map(({ text }) => tokenizer.encode(text, config.maxPieces));
          const matched = texts.map(({ row }, text): PairIndex => [row, text]);
          return head === 'itm'
            ? probabilities(model, images, pieces, matched)
            : cosines(model, images, pieces, matched);
        },
      ),
    dispose: () => model.dispose(),
  };
}

type ScoreMatched = (
  model: RetrievalModel,
  images: readonly Regions[],
  texts: readonly (readonly number[])[],
  pairs: readonly PairIndex[],
) => Float32Array;

const probabilities: ScoreMatched = (model, images, texts, pairs) =>
  model.match(images, texts, pairs).map((logit) => 1 / (1 + Math.exp(-logit)));

const cosines: ScoreMatched = (model, images, texts, pairs) => {
  const imageRows = model.embedImages(images); // [images, C]
  const textRows = model.embedTexts(texts); // [texts, C]
  const C = textRows.length / texts.length;
  return Float32Array.from(pairs, ([image, text]) => {
    let sum = 0;
    for (let at = 0; at < C; at++) sum += imageRows[image * C + at]! * textRows[text * C + at]!;
    return sum;
  });
};

function identity({ dir, vocabulary, tokenizer, config }: Checkpoint, { name, model, settings }: Detector): string {
  const hash = createHash('sha256').update(readFileSync(join(dir, weightsName)));
  if (hasImageMap(dir)) hash.update(readFileSync(join(dir, imageMapName)));
  return hash
    .update(JSON.stringify([vocabulary, tokenizer ?? null, config, name, model, settings ?? {}]))
    .digest('hex')
    .slice(0, 12);
}
