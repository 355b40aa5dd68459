/** The beginning of a split, cut between images. */
import type { Example } from '../model/data/example.ts';

interface FirstImagesOptions {
  readonly maxImages: number;
  /**
   * True: an image is one sample whose texts follow each other, and reading ends at the first sample that is too much. False: texts of
   * one image may lie anywhere, so the whole source is read.
   */
  readonly together: boolean;
}

interface FirstImages {
  readonly examples: Example[];
  readonly images: number;
  /** Whether the source has no more. */
  readonly complete: boolean;
}

export async function firstImages(
  source: AsyncIterable<Example>,
  { maxImages, together }: FirstImagesOptions,
): Promise<FirstImages> {
  const examples: Example[] = [];
  const images = new Set<string>();
  let complete = true;
  for await (const example of source) {
    const image = together ? example.key : example.imageId;
    if (!images.has(image) && images.size >= maxImages) {
      complete = false;
      if (together) break;
      continue;
    }
    images.add(image);
    examples.push(example);
  }
  return { examples, images: images.size, complete };
}
