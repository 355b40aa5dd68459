/** How well texts fit an image, for people to try a model: the probability of ITM and the similarity of ITC, as far as it learned them. */
import { expected } from '../../dataset/user-error.ts';
import { cosinesOf, cosinesWithoutHubs } from '../ranking/hubs.ts';
import type { Regions } from '../regions/region.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { readHubBank } from '../train/hub-bank.ts';
import { isBeside, readRerankWeight } from '../train/rerank-weight.ts';
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
  /** Of matching, 0 to 1; where the model learned it. */
  readonly probability?: number;
  /** Cosine of contrast's embeddings, -1 to 1; where the model learned it. */
  readonly similarity?: number;
  /**
   * What orders the texts of an image: contrast without hubs, with matching at the weight that held-out pairs gave it (0 where there
   * were none), or matching's logit alone where contrast was not learned.
   */
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
  const { itm, itc } = checkpoint.objectives;
  const pairs = images.flatMap((_, image) => texts.map((_, text) => [image, text] as const));
  const score = openRetrievalModel(checkpoint, { batchPairs: Math.min(128, Math.max(1, pairs.length)), ...running });
  try {
    const logits = itm > 0 ? score.match(images, texts, pairs) : undefined;
    const embedded = itc > 0 ? ([score.embedImages(images), score.embedTexts(texts)] as const) : undefined;
    const cosines = embedded && cosinesOf(...embedded);
    const bank = embedded && readHubBank(checkpoint.dir);
    const withoutHubs = embedded && bank ? cosinesWithoutHubs(...embedded, bank) : cosines;
    const kept = readRerankWeight(checkpoint.dir);
    // One that was fitted beside other hubs says nothing of contrast as it is now.
    const weight = kept && isBeside(kept, bank) ? kept.weight : 0;
    return images.map((_, image) =>
      texts.map((__, text) => {
        const place = image * texts.length + text;
        const [logit, similarity, ordering] = [logits?.[place], cosines?.[place], withoutHubs?.[place]];
        return {
          ...(logit === undefined ? {} : { probability: 1 / (1 + Math.exp(-logit)) }),
          ...(similarity === undefined ? {} : { similarity }),
          score: ordering === undefined ? (logit ?? 0) : ordering * score.similarityScale() + weight * (logit ?? 0),
        };
      }),
    );
  } finally {
    score.dispose();
  }
}
