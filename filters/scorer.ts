/** Models that filters use but do not own: the command line makes them from `model/` and passes them in. */

/** A number for each image, such as a probability. */
export interface ImageScorer {
  /** Name and version: scores are stored under it. */
  readonly model: string;
  /** Original bytes in; null where they cannot be decoded. */
  readonly score: (images: readonly Buffer[]) => Promise<readonly (number | null)[]>;
}

/** How well a text describes an image; higher is better, the scale is the model's own. */
export interface RelevanceScorer {
  readonly model: string;
  readonly score: (
    pairs: readonly { readonly image: Buffer; readonly sha256: string; readonly text: string }[],
  ) => Promise<readonly (number | null)[]>;
}
