/** Opens the models that filters score with, and frees them. */
import { loadRelevance } from '../model/relevance.ts';
import { efficientNetFeatures, type ImageFeatures } from '../model/scorers/image-features.ts';
import { photoScorer } from '../model/scorers/photo.ts';
import { miniLmFeatures } from '../model/scorers/text-features.ts';
import { unsafeScorer } from '../model/scorers/unsafe.ts';
import { ensureWeights } from '../model/weights.ts';
import { requirePath } from './command.ts';
import type { Config } from './config.ts';
import { fetching } from './progress.ts';

/** The frozen features that relevance is trained on and scored with. */
export async function openFeatures() {
  const imageFeatures = efficientNetFeatures(await ensureWeights('efficientnet-lite2', fetching));
  const textFeatures = miniLmFeatures(await ensureWeights('minilm', fetching));
  return { imageFeatures, textFeatures };
}

/** The scorers that the settings ask for. Those that look at the same features share them. */
export async function openScorers({ unsafe, photo, relevance }: Config['filter']) {
  const disposers: (() => void)[] = [];
  const keep = <Model extends { dispose(): void }>(model: Model): Model => {
    disposers.push(() => model.dispose());
    return model;
  };
  if (relevance !== undefined) requirePath(relevance, 'a relevance model', 'run `lait train-relevance` first');
  const imageFeatures =
    photo || relevance !== undefined
      ? keep(efficientNetFeatures(await ensureWeights('efficientnet-lite2', fetching)))
      : null;
  const scorers = {
    ...(unsafe ? { unsafe: keep(unsafeScorer(await ensureWeights('open-nsfw', fetching))) } : {}),
    ...(photo ? { photo: photoScorer(imageFeatures!) } : {}),
    ...(relevance === undefined ? {} : { relevance: await openRelevance(relevance, imageFeatures!, keep) }),
  };
  return {
    scorers,
    dispose(): void {
      for (const dispose of disposers) dispose();
    },
  };
}

async function openRelevance(
  path: string,
  imageFeatures: ImageFeatures,
  keep: <Model extends { dispose(): void }>(model: Model) => Model,
) {
  const textFeatures = keep(miniLmFeatures(await ensureWeights('minilm', fetching)));
  return keep(loadRelevance(path, imageFeatures, textFeatures));
}
