/**
 * Relevance for the pairs that a run has learned from. A model that learned a wrong text with its image takes it for right, so these are
 * scored by linear maps from what the run's detector sees of an image to the words of its texts (ranking/linear-map.ts), each fitted
 * without a fifth of the training images, and an image is asked of the map that has not seen it.
 */
import { createHash } from 'node:crypto';
import type { Loaded, RelevanceScorer } from '../../dataset/scorer.ts';
import { expected } from '../../dataset/user-error.ts';
import { tokenizerOfModel } from '../data/tokenizer.ts';
import { shortcutFold } from '../net/objectives/itc.ts';
import { shortcutFolds } from '../net/parameters.ts';
import {
  type CaptionedFeature,
  chooseLambda,
  fitLinearMap,
  minTrainingImages,
  pairedCosines,
  type TextSpace,
  wholeImageFeature,
} from '../ranking/linear-map.ts';
import { type Detector, detectAll } from '../regions/region.ts';
import type { Checkpoint } from '../train/checkpoint.ts';
import { scoreTextsOfImages } from './texts-of-images.ts';

/** A training image under the id by which its pairs are known when they are scored: the SHA-256 of the original. */
export interface TrainingImage extends CaptionedFeature {
  readonly imageId: string;
}

export interface FoldedMapOptions {
  /** Gives tokenizer, vocabulary and limits. */
  readonly checkpoint: Checkpoint;
  /** The one that the checkpoint names; its owner frees it. */
  readonly detector: Detector;
  readonly training: readonly TrainingImage[];
  readonly space: TextSpace;
}

/**
 * Fits the maps; a score is a cosine, -1 to 1. λ is the one that retrieves best among held-out training images. The name of the model
 * holds a sum over what they were fitted to. Throws a UserError for fewer than 40 training images.
 */
export async function foldedMapRelevance(options: FoldedMapOptions): Promise<Loaded<RelevanceScorer>> {
  const { checkpoint, detector, training, space } = options;
  const least = 2 * minTrainingImages;
  if (training.length < least) {
    throw expected(`at least ${least} training images`, 'relevance', training.length, 'take another head');
  }
  const { config } = checkpoint;
  const tokenizer = tokenizerOfModel(checkpoint);
  const { lambda } = await chooseLambda(training, space);
  const maps = await Promise.all(
    Array.from({ length: shortcutFolds }, async (_, fold) => {
      const others = training.filter(({ imageId }) => shortcutFold(imageId) !== fold);
      const vectorsOf = space.fit(others.flatMap(({ texts }) => texts));
      return { map: await fitLinearMap(others, space, lambda), vectorsOf };
    }),
  );
  return {
    model: `folded-map-${identity(options)}`,
    score: (pairs) =>
      scoreTextsOfImages(
        pairs,
        async (images, sha256s) => {
          const found = await detectAll(detector, images, config.maxRegions);
          return found.map((one, at) => one && { feature: wholeImageFeature(one), fold: shortcutFold(sha256s[at]!) });
        },
        async (images, texts) => {
          const scores = new Float32Array(texts.length);
          for (const [fold, { map, vectorsOf }] of maps.entries()) {
            const own = texts.flatMap(({ row }, at) => (images[row]!.fold === fold ? [at] : []));
            if (own.length === 0) continue;
            const pieces = own.map((at) => tokenizer.encode(texts[at]!.text, config.maxPieces));
            const { columns, values } = await vectorsOf(pieces);
            const vectors = own.map((_, row) => values.subarray(row * columns, (row + 1) * columns));
            const features = own.map((at) => images[texts[at]!.row]!.feature);
            pairedCosines(map, features, vectors).forEach((score, row) => {
              scores[own[row]!] = score;
            });
          }
          return scores;
        },
      ),
    dispose: () => {},
  };
}

function identity({ checkpoint, detector, training, space }: FoldedMapOptions): string {
  const { config, vocabulary, tokenizer } = checkpoint;
  const seen = [detector.name, detector.model ?? null, detector.settings ?? null, config.maxPieces, config.maxRegions];
  const hash = createHash('sha256').update(JSON.stringify([space.name, vocabulary, tokenizer ?? null, seen]));
  for (const { imageId, texts, feature } of training) {
    hash.update(JSON.stringify([imageId, texts])).update(new Uint8Array(feature.buffer, feature.byteOffset, feature.byteLength)); // biome-ignore format: one line
  }
  return hash.digest('hex').slice(0, 12);
}
