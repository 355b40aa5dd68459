/** Scoring texts against images when several texts share an image: each image is read once. */
import type { RelevanceScorer } from '../../dataset/scorer.ts';
import { mapDecoded } from '../regions/decode-batch.ts';

/** A text and the row of its image among the images of its batch. */
export interface TextOfImage {
  readonly text: string;
  readonly row: number;
}

/**
 * Scores pairs of which several may show one image, and some an image that does not decode: those get null. `readImages` turns each
 * image, once, into what the model scores (null where it does not decode), and hears their SHA-256 too; `score` gives one number for each
 * text.
 */
export async function scoreTextsOfImages<Image>(
  pairs: Parameters<RelevanceScorer['score']>[0],
  readImages: (images: readonly Buffer[], sha256s: readonly string[]) => Promise<readonly (Image | null)[]>,
  score: (images: readonly Image[], texts: readonly TextOfImage[]) => ArrayLike<number> | Promise<ArrayLike<number>>,
): Promise<(number | null)[]> {
  const bytes = new Map(pairs.map(({ sha256, image }) => [sha256, image]));
  const read = await readImages([...bytes.values()], [...bytes.keys()]);
  const images: Image[] = [];
  const rows = new Map<string, number>();
  for (const [index, sha256] of [...bytes.keys()].entries()) {
    const image = read[index] ?? null;
    if (image !== null) rows.set(sha256, images.push(image) - 1);
  }
  const texts = pairs.map(({ sha256, text }): TextOfImage | null => {
    const row = rows.get(sha256);
    return row === undefined ? null : { text, row };
  });
  return mapDecoded(texts, (known) => score(images, known));
}
