/**
 * The map of whole images to what a run embeds their texts as (ranking/image-map.ts), kept beside a checkpoint's parameters as
 * `image-map.safetensors` when its run ends. How much it counts is fitted on the run's held-out pairs.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { replaceFile } from '../../dataset/atomic-file.ts';
import { expected } from '../../dataset/user-error.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../formats/safetensors.ts';
import { itcSize } from '../net/parameters.ts';
import { type ImageMap, openImageMap, surestMapWeight } from '../ranking/image-map.ts';
import { minTrainingImages } from '../ranking/linear-map.ts';
import { embedInBatches } from '../ranking/scoring.ts';
import { fitKernelMap } from '../runtime/kernel-ridge.ts';
import { matrixOf } from '../runtime/ridge.ts';
import { type CaptionedImage, readCaptioned } from './captioned.ts';
import { hubsName, imageMapName } from './checkpoint.ts';
import type { HeldOut } from './held-out.ts';
import type { Keeping } from './hub-bank.ts';

/** Images that a map is fitted to: the file has the feature of each, and the time grows with the cube. Ours. */
const maxImages = 6_000;
/** Ours (docs/learning.md). */
const lambda = 0.3;

const nameOf = (checkpoint: string): string => join(checkpoint, imageMapName);

/** Whether a map was fitted, be it one that adds nothing. */
export const hasImageMap = (checkpoint: string): boolean => existsSync(nameOf(checkpoint));

/** The map of a checkpoint; undefined where it has none, or one that adds nothing. Throws a UserError where it does not read. */
export function readImageMap(checkpoint: string): ImageMap | undefined {
  if (!hasImageMap(checkpoint)) return undefined;
  const { tensors, metadata } = readSafetensors(nameOf(checkpoint));
  const weight = Number(metadata.weight);
  if (weight === 0) return undefined;
  const [mean, scale, examples, weights, own] = ['mean', 'scale', 'examples', 'weights', 'own'].map((name) => tensors.get(name)); // biome-ignore format: one line
  const [N, D] = examples?.shape ?? [];
  const fits = (tensor: StoredTensor | undefined, ...shape: (number | undefined)[]) => tensor?.shape.join() === shape.join(); // biome-ignore format: one line
  if (!(weight > 0) || !fits(mean, D) || !fits(scale, D) || !fits(weights, N, itcSize) || !fits(own, N))
    throw expected('a map of images and its weight', nameOf(checkpoint), [...tensors.keys()].join(' ') || 'nothing', 'remove it'); // biome-ignore format: one line
  const matrix = ({ shape, values }: StoredTensor) => ({ rows: shape[0]!, columns: shape[1]!, values });
  return {
    weight,
    kernel: {
      ...{ mean: mean!.values, scale: scale!.values, own: own!.values },
      ...{ examples: matrix(examples!), weights: matrix(weights!) },
    },
  };
}

/**
 * Fits a map to the first training images and all texts that are met of them, and its weight to the held-out pairs, and keeps both with a checkpoint.
 * A bank of hubs of contrast as it was before goes. Throws the signal's reason where it stops; nothing is then kept.
 */
export async function keepImageMap(
  checkpoint: string,
  source: Parameters<typeof readCaptioned>[0],
  { pairs, scoring }: HeldOut,
  { onProgress, signal }: Keeping = {},
): Promise<void> {
  const training = await readCaptioned(source, maxImages);
  const texts = training.flatMap((one) => one.texts);
  let map: ImageMap | undefined;
  if (training.length >= 2 * minTrainingImages) {
    let done = 0;
    const total = texts.length + 2 * pairs.length;
    const onItems = (count: number): void => {
      done += count;
      onProgress?.(done, total);
    };
    const placed = await embedInBatches({ images: [], texts }, scoring, { onItems, signal });
    const images = pairs.map(({ regions }) => regions);
    const heldOut = await embedInBatches({ images, texts: pairs.map(({ pieces }) => pieces) }, scoring, { onItems, signal }); // biome-ignore format: one line
    const kernel = fitKernelMap(matrixOf(training.map(({ feature }) => feature)), matrixOf(meansOf(training, placed.texts)), lambda); // biome-ignore format: one line
    await setImmediate();
    signal?.throwIfAborted();
    const open = openImageMap({ kernel, weight: 1 });
    try {
      map = { kernel, weight: surestMapWeight({ ...heldOut, predicted: open.predict(images) }) };
    } finally {
      open.dispose();
    }
  }
  rmSync(join(checkpoint, hubsName), { force: true });
  const stored = new Map<string, StoredTensor>();
  if (map && map.weight > 0) {
    for (const [
      name,
      { rows, columns, values },
    ] of Object.entries({ examples: map.kernel.examples, weights: map.kernel.weights })) // biome-ignore format: one line
      stored.set(name, { shape: [rows, columns], values });
    for (const name of ['mean', 'scale', 'own'] as const)
      stored.set(name, { shape: [map.kernel[name].length], values: map.kernel[name] });
  }
  replaceFile(nameOf(checkpoint), (temporary) =>
    writeSafetensors(temporary, stored, { weight: String(map?.weight ?? 0), images: String(training.length) }),
  );
}

/** The mean of the embeddings of each image's texts. */
function meansOf(training: readonly CaptionedImage[], embedded: Float32Array): Float32Array[] {
  let text = 0;
  return training.map(({ texts }) => {
    const sum = new Float32Array(itcSize);
    for (let count = 0; count < texts.length; count++, text++)
      for (let at = 0; at < itcSize; at++) sum[at]! += embedded[text * itcSize + at]! / texts.length;
    return sum;
  });
}
