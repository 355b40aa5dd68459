/** Recall at 1, 5 and 10 in both directions from a table of scores, and what chance gives. */
import type { Regions } from '../regions/region.ts';

/** Images and texts to be found by each other; `owner` says for each text which image it describes. */
export interface RetrievalSet {
  readonly images: readonly Regions[];
  readonly texts: readonly (readonly number[])[];
  readonly owner: readonly number[];
}

export interface Recalls {
  /** Shares of queries, 0 to 1, whose answer is among the first 1, 5, 10. */
  readonly r1: number;
  readonly r5: number;
  readonly r10: number;
}

export interface ByDirection {
  readonly image: Recalls;
  readonly text: Recalls;
}

/**
 * Recalls from a table of scores [images × texts], where `owner` names each text's image. A tie counts against the model: equal scores
 * rank before the answer.
 */
export function recalls(table: Float32Array, owner: readonly number[]): ByDirection {
  const { image, text } = ranks(table, owner);
  return { image: recallsOfRanks(image), text: recallsOfRanks(text) };
}

/** How many wrong answers rank before the best right one: of each text's image, of each image's texts. */
export function ranks(table: Float32Array, owner: readonly number[]): { image: number[]; text: number[] } {
  const texts = owner.length;
  const images = table.length / texts;
  const own = Array.from({ length: images }, () => [] as number[]);
  owner.forEach((image, text) => {
    own[image]!.push(text);
  });
  const imageRanks = new Array<number>(texts).fill(0);
  const textRanks = own.map((answers, image) => {
    const row = table.subarray(image * texts, (image + 1) * texts);
    const best = Math.max(...answers.map((text) => row[text]!));
    let before = 0;
    for (let text = 0; text < texts; text++) {
      const answer = owner[text]!;
      if (answer === image) continue;
      if (row[text]! >= best) before += 1;
      if (row[text]! >= table[answer * texts + text]!) imageRanks[text]! += 1;
    }
    return before;
  });
  return { image: imageRanks, text: textRanks };
}

export type Ranks = ReturnType<typeof ranks>;

/** Of ranks by two orders: for every second image from the first on, and its texts, those of the first order, for the others those of the second. */
export const ranksByHalf = (ofHalves: readonly [Ranks, Ranks], owner: readonly number[]): Ranks => ({
  image: owner.map((image, text) => ofHalves[(image % 2) as 0 | 1].image[text]!),
  text: ofHalves[0].text.map((_, image) => ofHalves[(image % 2) as 0 | 1].text[image]!),
});

/** Shares of queries by how many wrong answers rank before the right one. */
export function recallsOfRanks(ranks: readonly number[]): Recalls {
  const within = (limit: number) => ranks.filter((rank) => rank < limit).length / ranks.length;
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/** What a random order gives on average. */
export function chanceRecalls({ images, texts, owner }: RetrievalSet): ByDirection {
  const imageAt = (limit: number) => Math.min(1, limit / images.length);
  const counts = images.map((_, image) => owner.filter((one) => one === image).length);
  const textAt = (limit: number) => {
    const misses = counts.map((count) => {
      let miss = 1;
      for (let drawn = 0; drawn < Math.min(limit, texts.length); drawn++) {
        miss *= Math.max(0, texts.length - count - drawn) / (texts.length - drawn);
      }
      return miss;
    });
    return 1 - misses.reduce((sum, miss) => sum + miss, 0) / misses.length;
  };
  const table = (recall: (limit: number) => number) => ({ r1: recall(1), r5: recall(5), r10: recall(10) });
  return { image: table(imageAt), text: table(textAt) };
}

/** The mean of several. */
export function meanRecalls(all: readonly Recalls[]): Recalls {
  const average = (key: keyof Recalls) => all.reduce((sum, one) => sum + one[key], 0) / all.length;
  return { r1: average('r1'), r5: average('r5'), r10: average('r10') };
}
