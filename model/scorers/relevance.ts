/**
 * LAIT's weak semantic model (ImageBERT §3 step 4): trained on a small set of captioned images, it scores how well any text
 * describes any image. Here: frozen features of the image and of the text, a tower of two layers over each, and the cosine
 * of the two as the score, trained so that of a batch's texts an image's own comes first and the other way round
 * (InfoNCE, arXiv 1807.03748, as CLIP uses it). Trained on 5,600 of Flickr8k's training images it agrees with the experts'
 * judgements of the test images by Kendall's τ_b 0.55 (area under the ROC curve for a mean of 3 or more: 0.92).
 * train-relevance.ts trains it; this file scores by it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Loaded, RelevanceScorer } from '../../dataset/scorer.ts';
import { UserError } from '../../dataset/user-error.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { tf } from '../runtime/backend.ts';
import type { ImageFeatures } from './image-features.ts';
import type { TextFeatures } from './text-features.ts';
import { scoreTextsOfImages } from './texts-of-images.ts';
import { scoreFeatures } from './towers.ts';

/** Loads what `trainRelevance` wrote; its scores are cosines, -1 to 1. Throws a UserError for a file made with other features than those given. */
export function loadRelevance(
  path: string,
  imageFeatures: ImageFeatures,
  textFeatures: TextFeatures,
): Loaded<RelevanceScorer> {
  const { tensors, metadata } = readSafetensors(path);
  const wanted = `${imageFeatures.name} ${textFeatures.name}`;
  if (metadata.features !== wanted) {
    throw new UserError(
      `Expected a relevance model over ${wanted} for ${path} but received one over ${metadata.features ?? 'nothing known'}; train it anew.`,
    );
  }
  const state = new Map([...tensors].map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape])]));
  const model = `towers-${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`;
  return {
    model,
    score: (pairs) =>
      scoreTextsOfImages(pairs, imageFeatures.of, (images, texts) =>
        scoreFeatures(
          state,
          texts.map(({ row }) => images[row]!),
          textFeatures.of(texts.map(({ text }) => text)),
        ),
      ),
    dispose: () => {
      for (const tensor of state.values()) tensor.dispose();
    },
  };
}
