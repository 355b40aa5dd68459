/** How well texts fit an image, for people to try a model: the probability of ITM and the similarity of ITC for each. */
import { expected } from '../../dataset/user-error.ts';
import { similarities } from '../ranking/scoring.ts';
import type { Regions } from '../regions/region.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { readRerankWeight } from '../train/rerank-weight.ts';
import { openRetrievalModel, type RetrievalModelOptions } from './retrieval-model.ts';

export interface MatchOptions extends RetrievalModelOptions {
  /** A checkpoint folder, or a run, whose newest one is taken. */
  readonly checkpoint: string;
  /** Regions of each image, by the detector that the checkpoint was trained with. */
  readonly images: readonly Regions[];
  /** Word pieces of each text, by the checkpoint's vocabulary. */
  readonly texts: readonly (readonly number[])[];
}

export interface TextMatch {
  /** Of matching, 0 to 1. */
  readonly probability: number;
  /** Cosine of contrast's embeddings, -1 to 1; where the model learned it and both can be weighed. */
  readonly similarity?: number;
  /** What orders the texts of an image: both together with the checkpoint's weight, else matching's logit. */
  readonly score: number;
}

/** How well texts fit, a row for each image. Throws a UserError for regions of another detector's width. */
export function matchTexts({ checkpoint: path, images, texts, ...running }: MatchOptions): TextMatch[][] {
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
    const kept = readRerankWeight(checkpoint.dir);
    const table = kept && similarities({ images, texts }, score);
    return images.map((_, image) =>
      texts.map((__, text) => {
        const place = image * texts.length + text;
        const logit = logits[place]!;
        const probability = 1 / (1 + Math.exp(-logit));
        if (!kept || !table) return { probability, score: logit };
        const similarity = table[place]!;
        return { probability, similarity, score: similarity * score.similarityScale() + kept.weight * logit };
      }),
    );
  } finally {
    score.dispose();
  }
}
