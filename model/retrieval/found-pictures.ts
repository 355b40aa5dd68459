/** Which pictures a checkpoint finds for texts, one by one: examples of what `evaluate.ts` measures, for people to look at. */
import type { Example } from '../data/example.ts';
import { cosinesOf, cosinesWithoutHubs } from '../ranking/hubs.ts';
import type { Checkpoint } from '../train/checkpoint.ts';
import { readHubBank } from '../train/hub-bank.ts';
import { openRetrievalModel } from './retrieval-model.ts';

/** What was found for the text of a pair. */
export interface FoundPictures {
  /** Numbers of pairs whose pictures fit best, the best first. */
  readonly best: readonly number[];
  /** The place of the pair's own picture among all, from 1 on. */
  readonly rank: number;
}

/** Pictures shown for a text. */
const shownPictures = 3;
/** Where only matching is learned, it scores each image with each text: among so many pairs. As the evaluations of a run do. */
export const matchedPairs = 16;

/**
 * Looks for the picture of each text among those of all `examples`, which have an image and words of their own: by contrast, hubs taken off where
 * the checkpoint has them, or where only matching was learned by that, among the first 16. null where neither was.
 */
export function findPictures(
  checkpoint: Checkpoint,
  examples: readonly Example[],
): { readonly by: 'itc' | 'itm'; readonly texts: readonly FoundPictures[] } | null {
  const { itm, itc } = checkpoint.objectives;
  if (itm === 0 && itc === 0) return null;
  const by = itc > 0 ? 'itc' : 'itm';
  const pairs = by === 'itc' ? examples : examples.slice(0, matchedPairs);
  const images = pairs.map(({ regions }) => regions);
  const texts = pairs.map(({ pieces }) => pieces);
  const N = pairs.length;
  const model = openRetrievalModel(checkpoint, { batchPairs: Math.max(1, Math.min(64, N)), compiled: false });
  try {
    const table = by === 'itc' ? byContrast() : model.match(images, texts, images.flatMap((_, image) => texts.map((__, text) => [image, text] as const))); // biome-ignore format: one line
    return {
      by,
      texts: texts.map((_, text) => {
        const score = (image: number): number => table[image * N + text]!;
        // A tie counts against the model, as in `recalls`.
        const order = images
          .map((__, image) => image)
          .sort((a, b) => score(b) - score(a) || Number(a === text) - Number(b === text));
        return { best: order.slice(0, shownPictures), rank: order.indexOf(text) + 1 };
      }),
    };
  } finally {
    model.dispose();
  }

  function byContrast(): Float32Array {
    const embedded = [model.embedImages(images), model.embedTexts(texts)] as const;
    const bank = readHubBank(checkpoint.dir);
    return bank ? cosinesWithoutHubs(...embedded, bank) : cosinesOf(...embedded);
  }
}
