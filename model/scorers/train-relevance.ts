/** Trains the relevance model (relevance.ts) on captioned images: `lait train-relevance`. */
import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../../dataset/make-folder.ts';
import { random } from '../../dataset/random.ts';
import { UserError } from '../../dataset/user-error.ts';
import { type StoredTensor, writeSafetensors } from '../formats/safetensors.ts';
import { type Scalar, type Tensor, tf, type Variable } from '../runtime/backend.ts';
import type { ImageFeatures } from './image-features.ts';
import type { TextFeatures } from './text-features.ts';
import { stack, tower, towers } from './towers.ts';

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
  readonly epochs?: number;
  /** Images a step, each with one of its texts: as many candidates for each other. */
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly seed?: number;
  readonly onProgress?: (progress: RelevanceProgress) => void;
  readonly signal?: AbortSignal;
}

export interface RelevanceProgress {
  readonly stage: 'features' | 'training';
  /** Examples read, or epochs trained. */
  readonly done: number;
  /** Epochs; unknown while examples are read. */
  readonly total?: number;
  readonly loss?: number;
}

export interface RelevanceSummary {
  readonly path: string;
  readonly images: number;
  readonly texts: number;
  /** Images whose bytes did not decode. */
  readonly undecodable: number;
  /** Mean over the last epoch, in nats; ln(batchSize) is chance. */
  readonly loss: number;
}

const weightDecay = 1e-4;

/** Trains the towers and writes them. Throws a UserError for fewer images than a batch. */
export async function trainRelevance(options: TrainRelevanceOptions): Promise<RelevanceSummary> {
  const { out, imageFeatures, textFeatures, epochs = 60, batchSize = 512, learningRate = 5e-4, seed = 1 } = options;
  const { onProgress, signal } = options;
  const features = await readFeatures(options);
  const { images, texts, undecodable } = features;
  const size = Math.min(batchSize, images.length);
  if (images.length < 2) {
    throw new UserError(
      `Expected at least 2 captioned images for the relevance model but received ${images.length}; give other shards.`,
    );
  }
  const scale = deviations(images);
  const state = towers(imageFeatures.size, textFeatures.size, seed);
  const optimizer = tf.train.adam(learningRate);
  const variables = [...state.values()];
  let loss = 0;
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      signal?.throwIfAborted();
      // Cosine schedule to zero.
      (optimizer as unknown as { learningRate: number }).learningRate =
        (learningRate * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
      const draw = random(seed, epoch);
      const order = draw.shuffle(images.map((_, at) => at));
      let [total, steps] = [0, 0];
      for (let at = 0; at + size <= order.length; at += size) {
        const batch = order.slice(at, at + size);
        const chosen = batch.map((image) => texts[image]![draw.below(texts[image]!.length)]!);
        const value = tf.tidy(() => {
          const v = tf.div(stack(batch.map((image) => images[image]!)), scale); // [B, 1280]
          const t = stack(chosen); // [B, 384]
          return optimizer.minimize(() => contrast(state, v, t, draw.below(2 ** 31)), true, variables)!;
        });
        total += value.dataSync()[0]!;
        value.dispose();
        steps += 1;
      }
      loss = total / steps;
      onProgress?.({ stage: 'training', done: epoch + 1, total: epochs, loss });
      await new Promise(setImmediate);
    }
    save(out, state, scale, imageFeatures, textFeatures);
  } finally {
    for (const variable of variables) variable.dispose();
    optimizer.dispose();
    scale.dispose();
  }
  const count = texts.reduce((sum, list) => sum + list.length, 0);
  return { path: out, images: images.length, texts: count, undecodable, loss };
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
    onProgress?.({ stage: 'features', done });
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

/** Root mean square of each image feature, so that all weigh alike. [1280] */
function deviations(images: readonly Float32Array[]): Tensor {
  const squares = new Float32Array(images[0]!.length);
  for (const image of images) for (let at = 0; at < image.length; at++) squares[at]! += image[at]! ** 2 / images.length;
  return tf.tensor1d(squares.map((square) => Math.sqrt(square) + 1e-6));
}

/** InfoNCE both ways, with weight decay. */
function contrast(state: ReadonlyMap<string, Variable>, images: Tensor, texts: Tensor, seed: number): Scalar {
  const v = tower(state, 'image', images, seed); // [B, C]
  const t = tower(state, 'text', texts, seed + 7); // [B, C]
  const scale = tf.exp(tf.minimum(state.get('logScale')!, Math.log(100)));
  const logits = tf.mul(tf.matMul(v, t, false, true), scale); // [B, B]
  const own = tf.eye(images.shape[0]!);
  const rows = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits, 1), own)));
  const columns = tf.neg(tf.sum(tf.mul(tf.logSoftmax(tf.transpose(logits), 1), own)));
  const loss = tf.div(tf.add(rows, columns), 2 * images.shape[0]!);
  const decay = [...state]
    .filter(([name]) => /hidden$|skip$|out$/.test(name))
    .map(([, weight]) => tf.sum(tf.square(weight)))
    .reduce((sum, one) => tf.add(sum, one));
  return tf.add(loss, tf.mul(decay, weightDecay)).asScalar();
}

function save(
  path: string,
  state: ReadonlyMap<string, Variable>,
  scale: Tensor,
  imageFeatures: ImageFeatures,
  textFeatures: TextFeatures,
): void {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, variable] of [...state, ['image.scale', scale] as const]) {
    tensors.set(name, { shape: variable.shape, values: variable.dataSync() as Float32Array });
  }
  makeFolder(dirname(path));
  writeSafetensors(`${path}.part`, tensors, { features: `${imageFeatures.name} ${textFeatures.name}` });
  renameSync(`${path}.part`, path);
}
