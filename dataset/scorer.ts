/**
 * Models that score images and texts: filters judge by their numbers, `model/scorers` makes them, and the command line passes them
 * from one to the other.
 */

/** A number for each image, such as a probability. */
export interface ImageScorer {
  /** Name and version: scores are stored under it. */
  readonly model: string;
  /** Takes images as they were downloaded; null for those that do not decode. */
  readonly score: (images: readonly Buffer[]) => Promise<readonly (number | null)[]>;
}

/** How well a text describes an image; higher is better, the scale is the model's own. */
export interface RelevanceScorer {
  /** Name and version: two trainings differ in it. */
  readonly model: string;
  /** A score is the chance that the text is the image's own, where another's would be as likely. */
  readonly isChance?: true;
  /** Pairs that show one image have one `sha256`; null where the image does not decode. */
  readonly score: (
    pairs: readonly { readonly image: Buffer; readonly sha256: string; readonly text: string }[],
  ) => Promise<readonly (number | null)[]>;
  /** Missing where the model looks at image and text together and has no vector for either. */
  readonly embed?: Embedding;
}

/** Images and texts as vectors of length 1 in one space: the better a text fits an image, the larger their cosine. */
export interface Embedding {
  /** Null for images that do not decode. */
  readonly images: (images: readonly Buffer[]) => Promise<readonly (Float32Array | null)[]>;
  readonly texts: (texts: readonly string[]) => Promise<readonly Float32Array[]>;
}

/** A scorer that holds memory until it is disposed of. What was passed to it remains its owner's. */
export type Loaded<Scorer> = Scorer & { readonly dispose: () => void };
