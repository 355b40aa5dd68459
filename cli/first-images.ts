/** The beginning of a split, cut between images. */
import type { Example } from '../model/data/example.ts';

interface FirstImagesOptions {
  readonly maxImages: number;
  /**
   * True: the limit is of samples, whose texts follow each other, and reading ends at the first sample that is too much. False: texts of
   * one image may lie anywhere, so the whole source is read.
   */
  readonly together: boolean;
}

interface FirstImages {
  readonly examples: Example[];
  /** Different ones, as their ids say: several samples may show one. */
  readonly images: number;
  readonly samples: number;
  /** Whether the source has no more. */
  readonly complete: boolean;
}

export async function firstImages(
  source: AsyncIterable<Example>,
  { maxImages, together }: FirstImagesOptions,
): Promise<FirstImages> {
  const examples: Example[] = [];
  const [images, samples] = [new Set<string>(), new Set<string>()];
  const counted = together ? samples : images;
  let complete = true;
  for await (const example of source) {
    const own = together ? example.key : example.imageId;
    if (!counted.has(own) && counted.size >= maxImages) {
      complete = false;
      if (together) break;
      continue;
    }
    images.add(example.imageId);
    samples.add(example.key);
    examples.push(example);
  }
  return { examples, images: images.size, samples: samples.size, complete };
}
