/** How well texts fit an image, for people to try a model: the probability of ITM for each. */
import { expected } from '../../dataset/user-error.ts';
import type { Regions } from '../regions/region.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { openRetrievalModel, type RetrievalModelOptions } from './retrieval-model.ts';

export interface MatchOptions extends RetrievalModelOptions {
  /** A checkpoint folder, or a run, whose newest one is taken. */
  readonly checkpoint: string;
  /** Regions of each image, by the detector that the checkpoint was trained with. */
  readonly images: readonly Regions[];
  /** Word pieces of each text, by the checkpoint's vocabulary. */
  readonly texts: readonly (readonly number[])[];
}

/** Probabilities 0 to 1, a row for each image. Throws a UserError for regions of another detector's width. */
export function matchTexts({ checkpoint: path, images, texts, ...running }: MatchOptions): Float32Array[] {
  const checkpoint = readCheckpoint(path);
  const { featureSize } = checkpoint.config;
  for (const { features, labels } of images) {
    const width = features.length / labels.length;
    if (width !== featureSize) {
      throw expected(
        `features of ${featureSize} numbers`,
        'the regions',
        width,
        `use the detector ${checkpoint.detector}`,
      );
    }
  }
  const pairs = images.flatMap((_, image) => texts.map((_, text) => [image, text] as const));
  const score = openRetrievalModel(checkpoint, { batchPairs: Math.min(128, Math.max(1, pairs.length)), ...running });
  try {
    const logits = score.match(images, texts, pairs);
    return images.map((_, image) =>
      logits.slice(image * texts.length, (image + 1) * texts.length).map((logit) => 1 / (1 + Math.exp(-logit))),
    );
  } finally {
    score.dispose();
  }
}
