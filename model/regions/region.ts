/**
 * What an image is to the model: a few boxes, each with a class, a confidence and a feature vector (ImageBERT §4.1, where
 * a Faster R-CNN gives 100 of them). A detector turns encoded images into regions; the model never sees pixels. A grid of
 * patches (ViLT, arXiv 2102.03334) is the same shape with one class, so whatever reads regions reads patches as well.
 */

/** The regions of one image, most confident first. R is at least 1: an image without a detection is one region. */
export interface Regions {
  /** [R, 4] x1 y1 x2 y2 as shares of width and height, 0 to 1. */
  readonly boxes: Float32Array;
  /** [R] index into the detector's `labels`. */
  readonly labels: Int32Array;
  /** [R] 0 to 1. */
  readonly confidences: Float32Array;
  /** [R, D]; halves where they were read from columns, which have them. */
  readonly features: Float32Array | Uint16Array;
}

/** Turns encoded images (JPEG, PNG, WebP, …) into regions. */
export interface Detector {
  /** Names the folder of the feature columns: regions of two detectors never mix. */
  readonly name: string;
  /** SHA-256 of its weights: another network under the same name is not the same detector. null for one without weights. */
  readonly model: string | null;
  /** The names of the classes. */
  readonly labels: readonly string[];
  /** D, the width of a feature. */
  readonly featureSize: number;
  /** How many images one call handles best. */
  readonly batchSize: number;
  /** Regions that every image has, in no order of importance, so that none may be left out; undefined for a detector that ranks. */
  readonly regionsPerImage?: number;
  /** One result an image, in order; null for an image that does not decode. */
  detect(images: readonly Buffer[]): Promise<(Regions | null)[]>;
  /** What else decides its regions: features made with other settings are not mixed with these. */
  readonly settings?: Readonly<Record<string, number | string>>;
  /** Frees the network. */
  dispose(): void;
}

/** Keeps the `count` most confident regions. Throws nothing: fewer regions come back as they are. */
export function topRegions(regions: Regions, count: number, featureSize: number): Regions {
  if (regions.labels.length <= count) return regions;
  return {
    boxes: regions.boxes.slice(0, count * 4),
    labels: regions.labels.slice(0, count),
    confidences: regions.confidences.slice(0, count),
    features: regions.features.slice(0, count * featureSize),
  };
}

/** Regions of each image, the `maxRegions` most confident ones, in calls of the detector's size; null where it does not decode. */
export async function detectAll(
  detector: Detector,
  images: readonly Buffer[],
  maxRegions: number,
): Promise<(Regions | null)[]> {
  const all: (Regions | null)[] = [];
  for (let at = 0; at < images.length; at += detector.batchSize) {
    const found = await detector.detect(images.slice(at, at + detector.batchSize));
    all.push(...found.map((one) => one && topRegions(one, maxRegions, detector.featureSize)));
  }
  return all;
}
