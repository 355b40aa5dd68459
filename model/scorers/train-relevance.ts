/** Learns the relevance model (relevance.ts) from captioned images: `lait train-relevance`. */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { replaceFile } from '../../dataset/atomic-file.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { UserError } from '../../dataset/user-error.ts';
import { type StoredTensor, writeSafetensors } from '../formats/safetensors.ts';
import { chooseLambda, fitLinearMap, minTrainingImages, type TextSpace } from '../ranking/linear-map.ts';
import type { Recalls } from '../ranking/recall.ts';
import { matrixOf } from '../runtime/ridge.ts';
import { calibrate, rightAndWrong } from './calibration.ts';
import type { ImageFeatures } from './image-features.ts';
import type { TextFeatures } from './text-features.ts';

/** An image with one of the texts that people wrote for it; the same bytes may come again with another text. */
export interface CaptionedImage {
  readonly image: Buffer;
  readonly text: string;
}

export interface TrainRelevanceOptions {
  readonly examples: AsyncIterable<CaptionedImage> | Iterable<CaptionedImage>;
  readonly imageFeatures: ImageFeatures;
  readonly textFeatures: TextFeatures;
  /** The file to write, `relevance.safetensors`. */
  readonly out: string;
  /** Hears how many examples have been read. */
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

export interface RelevanceSummary {
  readonly path: string;
  readonly images: number;
  readonly texts: number;
  /** Images whose bytes did not decode. */
  readonly undecodable: number;
  readonly lambda: number;
  /** How a map without a part of the images finds the image for a text among that part. */
  readonly heldOut: { readonly images: number; readonly imageRetrieval: Recalls };
}

/** Whether a file begins as what `trainRelevance` writes. */
export const isRelevanceModel = (head: string): boolean => /\{"__metadata__":\{"features":"[^"]* linear"/.test(head);

/**
 * Fits the map and writes it. What λ is best and what a score means comes from a fifth of the images, at most 1,000, which a first
 * map does not see. Throws a UserError for fewer than 20 images.
 */
export async function trainRelevance(options: TrainRelevanceOptions): Promise<RelevanceSummary> {
  const { out, imageFeatures, textFeatures, signal } = options;
  const { images, texts, undecodable } = await readFeatures(options);
  if (images.length < minTrainingImages) {
    throw new UserError(
      `Expected at least ${minTrainingImages} captioned images for the relevance model but received ${images.length}; give other shards.`,
    );
  }
  const training = images.map((feature, at) => ({ feature, texts: texts[at]! }));
  const space: TextSpace<Float32Array> = { name: textFeatures.name, fit: () => matrixOf };
  const { lambda, found, cosines, owner } = await chooseLambda(training, space);
  signal?.throwIfAborted();
  const { mean, scale, weights, offset } = await fitLinearMap(training, space, lambda);
  const { slope, bias } = calibrate(rightAndWrong(cosines, owner));
  const vector = (values: Float32Array): StoredTensor => ({ shape: [values.length], values });
  const tensors = new Map<string, StoredTensor>([
    ['image.mean', vector(mean)],
    ['image.scale', vector(scale)],
    ['map', { shape: [weights.rows, weights.columns], values: weights.values }],
    ['text.mean', vector(offset)],
    ['calibration', vector(Float32Array.of(slope, bias))],
  ]);
  makeFolder(dirname(out));
  const features = `${imageFeatures.name} ${textFeatures.name} linear`;
  replaceFile(out, (temporary) => writeSafetensors(temporary, tensors, { features }));
  return {
    path: out,
    images: images.length,
    texts: texts.reduce((sum, list) => sum + list.length, 0),
    undecodable,
    lambda,
    heldOut: { images: Math.max(...owner) + 1, imageRetrieval: found.image },
  };
}

interface Features {
  /** One an image. */
  readonly images: Float32Array[];
  /** The texts of each image. */
  readonly texts: Float32Array[][];
  readonly undecodable: number;
}

async function readFeatures(options: TrainRelevanceOptions): Promise<Features> {
  const { examples, imageFeatures, textFeatures, onProgress, signal } = options;
  const places = new Map<string, number>();
  const features: Features & { undecodable: number } = { images: [], texts: [], undecodable: 0 };
  let done = 0;
  const take = async (group: readonly CaptionedImage[]) => {
    const keys = group.map(({ image }) => createHash('sha256').update(image).digest('hex'));
    const fresh = [...new Set(keys)].filter((key) => !places.has(key));
    const found = await imageFeatures.of(fresh.map((key) => group[keys.indexOf(key)]!.image));
    fresh.forEach((key, at) => {
      const vector = found[at];
      places.set(key, vector ? features.images.push(vector) - 1 : -1);
      if (vector) features.texts.push([]);
      else features.undecodable += 1;
    });
    textFeatures.of(group.map(({ text }) => text)).forEach((vector, at) => {
      features.texts[places.get(keys[at]!)!]?.push(vector);
    });
    done += group.length;
    onProgress?.(done);
  };
  let group: CaptionedImage[] = [];
  for await (const example of examples) {
    signal?.throwIfAborted();
    group.push(example);
    if (group.length === 32) {
      await take(group);
      group = [];
    }
  }
  if (group.length > 0) await take(group);
  return features;
}
