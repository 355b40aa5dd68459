/**
 * LAIT's weak semantic model (ImageBERT §3 step 4): trained on a small set of captioned images, it scores how well any text
 * describes any image. Here: frozen features of the image and of the text, a linear map from one to the other in closed form (ridge
 * regression), and the cosine of the two, as the chance that the text is the image's own and not another's. Two towers trained by
 * contrast, which it replaced, agreed less with people (docs/benchmarks.md#relevance). train-relevance.ts makes it; this file scores by it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Loaded, RelevanceScorer } from '../../dataset/scorer.ts';
import { UserError } from '../../dataset/user-error.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { imageVectors, pairedCosines, textVectors } from '../ranking/linear-map.ts';
import { mapDecoded } from '../regions/decode-batch.ts';
import { chanceOf } from './calibration.ts';
import type { ImageFeatures } from './image-features.ts';
import type { TextFeatures } from './text-features.ts';
import { scoreTextsOfImages } from './texts-of-images.ts';

/** Loads what `trainRelevance` wrote; its scores are chances, 0 to 1, where right and wrong texts are as many. Throws a UserError for a file made with other features than those given. */
export function loadRelevance(
  path: string,
  imageFeatures: ImageFeatures,
  textFeatures: TextFeatures,
): Loaded<RelevanceScorer> {
  const { tensors, metadata } = readSafetensors(path);
  const wanted = `${imageFeatures.name} ${textFeatures.name} linear`;
  if (metadata.features !== wanted) {
    throw new UserError(
      `Expected a relevance model over ${wanted} for ${path} but received one over ${metadata.features ?? 'nothing known'}; train it anew.`,
    );
  }
  const get = (name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new UserError(`Expected ${name} in ${path} but received none; train it anew.`);
    return tensor;
  };
  const values = (name: string) => get(name).values as Float32Array;
  const [rows = 0, columns = 0] = get('map').shape;
  const map = {
    mean: values('image.mean'),
    scale: values('image.scale'),
    weights: { rows, columns, values: values('map') },
    offset: values('text.mean'),
  };
  const [slope = 0, bias = 0] = values('calibration');
  const model = `linear-${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`;
  return {
    model,
    isChance: true,
    embed: {
      images: async (images) => mapDecoded(await imageFeatures.of(images), (features) => imageVectors(map, features)),
      texts: async (texts) => textVectors(map, textFeatures.of(texts)),
    },
    score: (pairs) =>
      scoreTextsOfImages(pairs, imageFeatures.of, (images, texts) =>
        pairedCosines(
          map,
          texts.map(({ row }) => images[row]!),
          textFeatures.of(texts.map(({ text }) => text)),
        ).map((score) => chanceOf({ slope, bias }, score)),
      ),
    dispose: () => {},
  };
}
