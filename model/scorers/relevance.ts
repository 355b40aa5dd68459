/**
 * LAIT's weak semantic model (ImageBERT §3 step 4): trained on a small set of captioned images, it scores how well any text
 * describes any image. Here: frozen features of the image and of the text, a tower of two layers over each, and the cosine
 * of the two as the score, trained so that of a batch's texts an image's own comes first and the other way round
 * (InfoNCE, arXiv 1807.03748, as CLIP uses it). Trained on 5,600 of Flickr8k's training images it agrees with the experts'
 * judgements of the test images by Kendall's τ_b 0.55 (area under the ROC curve for a mean of 3 or more: 0.92).
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { random } from '../../dataset/random.ts';
import { UserError } from '../../dataset/user-error.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../formats/safetensors.ts';
import { type Scalar, type Tensor, tf, type Variable } from '../runtime/backend.ts';
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

/** Scores pairs by a trained model, in the shape that filters ask for. */
export interface Relevance {
  /** The model's name: two trainings differ in it. */
  readonly model: string;
  /** Cosines, -1 to 1; null where the image does not decode. */
  readonly score: (
    pairs: readonly { readonly image: Buffer; readonly sha256: string; readonly text: string }[],
  ) => Promise<readonly (number | null)[]>;
  /** Frees the towers; the features are their owner's. */
  readonly dispose: () => void;
}

/** Width of the hidden layer and of the common space. */
const width = 1024;
const common = 512;
const dropout = 0.4;
const weightDecay = 1e-4;

/** CLIP's starting temperature is 0.07. */
const firstLogScale = Math.log(1 / 0.07);

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

/** Loads what `trainRelevance` wrote. Throws a UserError for a file made with other features than those given. */
export function loadRelevance(path: string, imageFeatures: ImageFeatures, textFeatures: TextFeatures): Relevance {
  const { tensors, metadata } = readSafetensors(path);
  const wanted = `${imageFeatures.name} ${textFeatures.name}`;
  if (metadata.features !== wanted) {
    throw new UserError(
      `Expected a relevance model over ${wanted} for ${path} but received one over ${metadata.features ?? 'nothing known'}; train it anew.`,
    );
  }
  const state = new Map([...tensors].map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape])]));
  const model = `towers-${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`;
  return {
    model,
    score: async (pairs) => {
      const unique = new Map(pairs.map(({ sha256, image }) => [sha256, image]));
      const found = await imageFeatures.of([...unique.values()]);
      const bySha256 = new Map([...unique.keys()].map((sha256, at) => [sha256, found[at] ?? null]));
      const whole = pairs.filter(({ sha256 }) => bySha256.get(sha256) !== null);
      if (whole.length === 0) return pairs.map(() => null);
      const cosines = scoreFeatures(
        state,
        whole.map(({ sha256 }) => bySha256.get(sha256)!),
        textFeatures.of(whole.map(({ text }) => text)),
      );
      let next = 0;
      return pairs.map(({ sha256 }) => (bySha256.get(sha256) === null ? null : cosines[next++]!));
    },
    dispose: () => {
      for (const tensor of state.values()) tensor.dispose();
    },
  };
}

/** Cosine of each image's vector with the text's beside it. */
export function scoreFeatures(
  state: ReadonlyMap<string, Tensor>,
  images: readonly Float32Array[],
  texts: readonly Float32Array[],
): Float32Array {
  return tf.tidy(() => {
    const v = tower(state, 'image', tf.div(stack(images), state.get('image.scale')!)); // [B, C]
    const t = tower(state, 'text', stack(texts)); // [B, C]
    return tf.sum(tf.mul(v, t), 1).dataSync() as Float32Array; // [B]
  });
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

const stack = (rows: readonly Float32Array[]): Tensor => {
  const size = rows[0]!.length;
  const all = new Float32Array(rows.length * size);
  rows.forEach((row, at) => {
    all.set(row, at * size);
  });
  return tf.tensor2d(all, [rows.length, size]);
};

function towers(imageSize: number, textSize: number, seed: number): Map<string, Variable> {
  const draw = random(seed, -1);
  const zeros = (size: number): Variable => tf.tidy(() => tf.variable(tf.zeros([size])));
  const weights = (inputs: number, outputs: number): Variable => {
    const spread = Math.sqrt(2 / inputs);
    const values = Float32Array.from({ length: inputs * outputs }, () => draw.normal() * spread);
    return tf.tidy(() => tf.variable(tf.tensor2d(values, [inputs, outputs])));
  };
  const state = new Map<string, Variable>();
  const sizes = { image: imageSize, text: textSize };
  for (const [name, inputs] of Object.entries(sizes)) {
    state.set(`${name}.hidden`, weights(inputs, width));
    state.set(`${name}.hiddenBias`, zeros(width));
    state.set(`${name}.skip`, weights(inputs, common));
    state.set(`${name}.out`, weights(width, common));
    state.set(`${name}.outBias`, zeros(common));
  }
  state.set(
    'logScale',
    tf.tidy(() => tf.variable(tf.scalar(firstLogScale))),
  );
  return state;
}

/** [B, inputs] to [B, C] of length 1. */
function tower(state: ReadonlyMap<string, Tensor>, name: string, x: Tensor, seed?: number): Tensor {
  const get = (part: string) => state.get(`${name}.${part}`)!;
  const thin = (y: Tensor, at: number) => (seed === undefined ? y : tf.dropout(y, dropout, undefined, seed + at));
  const input = thin(x, 0);
  const hidden = thin(tf.relu(tf.add(tf.matMul(input, get('hidden')), get('hiddenBias'))), 1);
  const linear = tf.matMul(input, get('skip'));
  const y = tf.add(tf.add(tf.matMul(hidden, get('out')), linear), get('outBias'));
  return tf.div(y, tf.maximum(tf.norm(y, 2, 1, true), 1e-6));
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
  mkdirSync(dirname(path), { recursive: true });
  writeSafetensors(`${path}.part`, tensors, { features: `${imageFeatures.name} ${textFeatures.name}` });
  renameSync(`${path}.part`, path);
}
