/** Training images with the texts that a run meets of them, for what is fitted to all of them in closed form. */
import type { ExampleSource } from '../data/source.ts';
import { wholeImageFeature } from '../ranking/linear-map.ts';

/** An epoch gives one text of each image, and five are as many as image-caption sets have. */
const maxEpochs = 5;

export interface CaptionedImage {
  readonly imageId: string;
  /** [D] of the whole image, as the detector gives it. */
  readonly feature: Float32Array;
  /** Word pieces, each text once. */
  readonly texts: readonly (readonly number[])[];
}

/** The first images of the first epoch with the texts that the first epochs give of them. */
export async function readCaptioned(source: ExampleSource, maxImages: number): Promise<CaptionedImage[]> {
  const found = new Map<string, CaptionedImage & { readonly texts: (readonly number[])[] }>();
  for (let epoch = 0; epoch < maxEpochs && (epoch === 0 || found.size < maxImages); epoch++) {
    for await (const { imageId, pieces, regions } of source.epoch(epoch)) {
      const known = found.get(imageId);
      if (known) {
        if (!known.texts.some((text) => text.join() === pieces.join())) known.texts.push(pieces);
        continue;
      }
      if (found.size === maxImages) break;
      found.set(imageId, { imageId, feature: wholeImageFeature(regions), texts: [pieces] });
    }
  }
  return [...found.values()];
}
