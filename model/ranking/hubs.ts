/**
 * Hubs: among many embeddings some texts are near to nearly every image, and some images to nearly every text, and are found where they
 * do not belong (Radovanović et al. 2010). How much of a hub a text is, the images of training pairs tell; that is taken off all its
 * similarities. The same for images by texts. Known as inverted softmax (Smith et al. 2017, arXiv 1702.03859) and querybank
 * normalisation (Bogolin et al. 2022, arXiv 2112.12777). Nothing of what is ranked is looked at but the item itself.
 */
import { itcSize } from '../net/parameters.ts';
import { leastLosses } from './contrast-loss.ts';
import { sureGain } from './gain.ts';

/** Training pairs of a bank: 200 of them do less, 2,300 hardly more than 1,000 (docs/learning.md). Ours. */
export const bankPairs = 2_000;

export interface HubBank {
  /** Embeddings [n, itcSize] of length 1 of training images, and of their texts. */
  readonly images: Float32Array;
  readonly texts: Float32Array;
  readonly taken: TakenOff;
}

/** What is taken off a text's similarities for being a hub, and off an image's. */
export interface TakenOff {
  readonly text: Hubness;
  readonly image: Hubness;
}

export interface Hubness {
  /** What cosines with the bank are multiplied with before they are averaged as powers of e: the larger, the more the nearest count. */
  readonly scale: number;
  /** Of the hubness so measured, 0 to 1; 0 takes nothing off. */
  readonly share: number;
}

/** Takes nothing off. */
const nothing: Hubness = { scale: 1, share: 0 };

/** Tried: nothing, and scales from 5 to 80 in steps of √2, each with quarters of what it measures. Ours. */
export const triedHubness: readonly Hubness[] = [
  nothing,
  ...Array.from({ length: 9 }, (_, step) => 5 * 2 ** (step / 2)).flatMap((scale) =>
    [0.25, 0.5, 0.75, 1].map((share) => ({ scale, share })),
  ),
];

/** Cosines of embeddings [I, itcSize] and [T, itcSize], [I × T]. */
export function cosinesOf(images: Float32Array, texts: Float32Array): Float32Array {
  const [I, T] = [images.length / itcSize, texts.length / itcSize];
  const table = new Float32Array(I * T);
  for (let image = 0; image < I; image++) {
    for (let text = 0; text < T; text++) {
      let sum = 0;
      for (let at = 0; at < itcSize; at++) sum += images[image * itcSize + at]! * texts[text * itcSize + at]!;
      table[image * T + text] = sum;
    }
  }
  return table;
}

/** How much of a hub each item is: of its cosines [n × items] with a bank the share of log mean e^(scale × cosine), through the scale, in cosines. */
export function hubness(cosines: Float32Array, items: number, { scale, share }: Hubness): Float32Array {
  const found = new Float32Array(items);
  if (share === 0) return found;
  const n = cosines.length / items;
  for (let item = 0; item < items; item++) {
    let sum = 0;
    // A cosine is at most 1, so that nothing overflows.
    for (let row = 0; row < n; row++) sum += Math.exp(scale * (cosines[row * items + item]! - 1));
    found[item] = share * (Math.log(sum / n) / scale + 1);
  }
  return found;
}

/** What is ranked beside a bank, as cosines. */
export interface BankTables {
  /** [images × texts] */
  readonly cosines: Float32Array;
  /** [n × texts]: the images of the bank with the texts. */
  readonly bankImages: Float32Array;
  /** [n × images]: the texts of the bank with the images. */
  readonly bankTexts: Float32Array;
}

/** Cosines [I × T] less the hubness of each text and each image; a table of the bank whose share is 0 is not read. */
export function withoutHubs(
  { cosines, bankImages, bankTexts }: BankTables,
  [I, T]: readonly [images: number, texts: number],
  { text, image }: TakenOff,
): Float32Array {
  const ofTexts = hubness(bankImages, T, text);
  const ofImages = hubness(bankTexts, I, image);
  return cosines.map((cosine, place) => cosine - ofImages[Math.floor(place / T)]! - ofTexts[place % T]!);
}

/** Cosines [I × T] of embeddings, less the hubness of each text and each image. */
export function cosinesWithoutHubs(images: Float32Array, texts: Float32Array, bank: HubBank): Float32Array {
  const { text, image } = bank.taken;
  const tables = {
    cosines: cosinesOf(images, texts),
    bankImages: text.share === 0 ? empty : cosinesOf(bank.images, texts),
    bankTexts: image.share === 0 ? empty : cosinesOf(bank.texts, images),
  };
  return withoutHubs(tables, [images.length / itcSize, texts.length / itcSize], bank.taken);
}

const empty = new Float32Array(0);

/**
 * What to take off, by the surest gain on held-out images and texts, of which `owner` [T] names each text's image: that in
 * contrast's loss, as `sureGain` counts it. Nothing where none is sure.
 */
export function surestHubness({ cosines, bankImages, bankTexts }: BankTables, owner: readonly number[]): TakenOff {
  const T = owner.length;
  const I = cosines.length / T;
  const surest = (side: 'image' | 'text', withBank: Float32Array, itemOf: (place: number) => number): Hubness => {
    const before = leastLosses(cosines, owner, side);
    let best = { taken: nothing, sure: 0 };
    for (const taken of triedHubness) {
      const own = hubness(withBank, side === 'text' ? T : I, taken);
      const after = leastLosses(cosines.map((one, place) => one - own[itemOf(place)]!), owner, side); // biome-ignore format: one line
      const sure = sureGain(Array.from(after, (loss, query) => before[query]! - loss));
      if (sure > best.sure) best = { taken, sure };
    }
    return best.taken;
  };
  return {
    text: surest('text', bankImages, (place) => place % T),
    image: surest('image', bankTexts, (place) => Math.floor(place / T)),
  };
}

/** `surestHubness` of embeddings: held-out images [I, itcSize] and texts [T, itcSize]. */
export const fitHubness = ({ images, texts, owner }: Owned, bank: Embedded): TakenOff =>
  surestHubness(
    {
      cosines: cosinesOf(images, texts),
      bankImages: cosinesOf(bank.images, texts),
      bankTexts: cosinesOf(bank.texts, images),
    },
    owner,
  );

type Embedded = Pick<HubBank, 'images' | 'texts'>;
type Owned = Embedded & { readonly owner: readonly number[] };

/**
 * What to take off for every second image from the first on, and its texts, as fitted on the others; and for the others, as fitted on
 * those. For pairs of which there is no other part to fit on; see `ranksByHalf`.
 */
export function crossFittedHubness({ images, texts, owner }: Owned, bank: Embedded): [TakenOff, TakenOff] {
  const fittedWithout = (half: number): TakenOff => {
    const rows = Array.from({ length: images.length / itcSize }, (_, image) => image).filter((image) => image % 2 !== half); // biome-ignore format: one line
    const own = owner.flatMap((image, text) => (image % 2 !== half ? [text] : []));
    const owners = own.map((text) => Math.floor(owner[text]! / 2));
    return fitHubness({ images: rowsOf(images, rows), texts: rowsOf(texts, own), owner: owners }, bank);
  };
  return [fittedWithout(0), fittedWithout(1)];
}

function rowsOf(vectors: Float32Array, rows: readonly number[]): Float32Array {
  const chosen = new Float32Array(rows.length * itcSize);
  rows.forEach((row, at) => {
    chosen.set(vectors.subarray(row * itcSize, (row + 1) * itcSize), at * itcSize);
  });
  return chosen;
}
