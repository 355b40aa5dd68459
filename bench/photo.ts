/**
 * Learns the head of `model/scorers/photo.ts` and measures it: for each source of pictures that was held out, how many are
 * taken for what they are; balanced accuracy over the classes; both errors at several thresholds.
 *
 *     node --import tsx bench/photo-pictures.ts FOLDER        gathers FOLDER/pictures/SPLIT/CLASS/SOURCE/
 *     node --import tsx bench/photo.ts FOLDER [--out model/scorers/photo.safetensors]
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { writeSafetensors } from '../model/formats/safetensors.ts';
import { tf } from '../model/runtime/backend.ts';
import { efficientNetFeatures, type ImageFeatures } from '../model/scorers/image-features.ts';
import { classProbabilities, type PhotoHead, pictureClasses } from '../model/scorers/photo.ts';

const { values: flags, positionals } = parseArgs({
  options: { out: { type: 'string' }, decay: { type: 'string', default: '0.1' } },
  allowPositionals: true,
});
const folder = positionals[0] ?? '.';

interface Picture {
  readonly source: string;
  /** Index into the classes. */
  readonly label: number;
  readonly vector: Float32Array;
}

const images = efficientNetFeatures(await ensurePretrained('efficientnet-lite2'));
const train = await pictures('train', images);
const test = await pictures('test', images);
images.dispose();
const head = learn(train, Number(flags.decay));

console.log(`learned from ${train.length} pictures of ${new Set(train.map(({ source }) => source)).size} sources\n`);
report('held-out sources', test);
report('the sources learned from', train);
for (const threshold of [0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]) {
  const { dropped, passed, balanced } = errors(test, threshold);
  console.log(
    `threshold ${threshold}: ${percent(dropped)} of photographs dropped, ${percent(passed)} of the rest kept, balanced ${percent(balanced)}`,
  );
}
if (flags.out) {
  writeSafetensors(
    flags.out,
    new Map([
      ['weight', { shape: [pictureClasses.length, images.size], values: head.weight }],
      ['bias', { shape: [pictureClasses.length], values: head.bias }],
    ]),
    { features: images.name, classes: pictureClasses.join() },
  );
}

/** Every picture of a split with its features, which are kept beside the pictures. */
async function pictures(split: string, features: ImageFeatures): Promise<Picture[]> {
  const all: Picture[] = [];
  for (const [label, name] of pictureClasses.entries()) {
    const parent = join(folder, 'pictures', split, name);
    for (const source of existsSync(parent) ? readdirSync(parent).sort() : []) {
      const files = readdirSync(join(parent, source)).sort();
      const cache = join(folder, `${split}-${name}-${source}.${features.name}.${files.length}`);
      const values = existsSync(cache)
        ? new Float32Array(Uint8Array.from(readFileSync(cache)).buffer)
        : await read(
            features,
            files.map((file) => join(parent, source, file)),
          );
      if (!existsSync(cache)) writeFileSync(cache, values);
      for (let at = 0; at < values.length; at += features.size) {
        all.push({ source: `${name}/${source}`, label, vector: values.slice(at, at + features.size) });
      }
    }
  }
  return all;
}

async function read(features: ImageFeatures, paths: readonly string[]): Promise<Float32Array> {
  const vectors: Float32Array[] = [];
  for (let at = 0; at < paths.length; at += 32) {
    const found = await features.of(paths.slice(at, at + 32).map((path) => readFileSync(path)));
    vectors.push(...found.filter((vector) => vector !== null));
  }
  const values = new Float32Array(vectors.length * features.size);
  vectors.forEach((vector, at) => {
    values.set(vector, at * features.size);
  });
  return values;
}

/**
 * Multinomial logistic regression by Adam over all pictures at once. Photographs weigh as much as all the rest, every other class
 * alike, and within a class every source by the root of its size, so that none speaks for its class alone.
 */
function learn(list: readonly Picture[], decay: number, steps = 600): PhotoHead {
  const size = list[0]!.vector.length;
  const counts = new Map<string, number>();
  for (const { source } of list) counts.set(source, (counts.get(source) ?? 0) + 1);
  const raw = list.map(({ source }) => 1 / Math.sqrt(counts.get(source)!));
  const ofClass = pictureClasses.map((_, label) =>
    list.reduce((sum, one, at) => sum + (one.label === label ? raw[at]! : 0), 0),
  );
  const shares = pictureClasses.map((_, label) => (label === 0 ? 0.5 : 0.5 / (pictureClasses.length - 1)));
  const importance = list.map(({ label }, at) => (shares[label]! * raw[at]!) / ofClass[label]!);
  return tf.tidy(() => {
    const flat = new Float32Array(list.length * size);
    list.forEach(({ vector }, at) => {
      flat.set(vector, at * size);
    });
    const x = tf.tensor2d(flat, [list.length, size]); // [N, D]
    const { mean, variance } = tf.moments(x, 0);
    const spread = tf.add(tf.sqrt(variance), 1e-3); // [D]
    const scaled = tf.div(tf.sub(x, mean), spread); // [N, D]
    const wanted = tf.oneHot(
      tf.tensor1d(
        list.map(({ label }) => label),
        'int32',
      ),
      pictureClasses.length,
    ); // [N, C]
    const share = tf.tensor1d(importance); // [N]
    const weight = tf.variable(tf.zeros([size, pictureClasses.length])); // [D, C]
    const bias = tf.variable(tf.zeros([pictureClasses.length])); // [C]
    const optimizer = tf.train.adam(0.01);
    for (let step = 0; step < steps; step++) {
      (optimizer as unknown as { learningRate: number }).learningRate =
        0.005 * (1 + Math.cos((Math.PI * step) / steps));
      optimizer.minimize(() => {
        const logits = tf.add(tf.matMul(scaled, weight), bias); // [N, C]
        const losses = tf.neg(tf.sum(tf.mul(wanted, tf.logSoftmax(logits)), 1)); // [N]
        return tf.add(tf.sum(tf.mul(losses, share)), tf.mul(tf.sum(tf.square(weight)), decay)).asScalar();
      });
    }
    optimizer.dispose();
    // The standardisation goes into the weights.
    const folded = tf.div(tf.transpose(weight), spread); // [C, D]
    const shifted = tf.sub(bias, tf.sum(tf.mul(folded, mean), 1)); // [C]
    const learned = { weight: folded.dataSync() as Float32Array, bias: shifted.dataSync() as Float32Array };
    weight.dispose();
    bias.dispose();
    return learned;
  });
}

function errors(list: readonly Picture[], threshold: number) {
  const wrong = pictureClasses.map((_, label) => {
    const own = list.filter((one) => one.label === label);
    const kept = own.filter(({ vector }) => classProbabilities(head, vector)[0]! >= threshold).length;
    return label === 0 ? 1 - kept / own.length : kept / own.length;
  });
  const passed = wrong.slice(1).reduce((sum, share) => sum + share, 0) / (wrong.length - 1);
  return { dropped: wrong[0]!, passed, balanced: 1 - (wrong[0]! + passed) / 2 };
}

function report(title: string, list: readonly Picture[]): void {
  console.log(`${title.padEnd(56)}pictures  photo or not  class`);
  for (const source of [...new Set(list.map((one) => one.source))]) {
    const own = list.filter((one) => one.source === source);
    const found = own.map(({ vector }) => classProbabilities(head, vector));
    const right = own.filter(({ label }, at) => found[at]![0]! >= 0.5 === (label === 0)).length / own.length;
    const exact =
      own.filter(({ label }, at) => found[at]!.indexOf(Math.max(...found[at]!)) === label).length / own.length;
    console.log(
      `${source.padEnd(56)}${String(own.length).padStart(8)}${percent(right).padStart(14)}${percent(exact).padStart(9)}`,
    );
  }
  const { dropped, passed, balanced } = errors(list, 0.5);
  console.log(
    `balanced accuracy at 0.5: ${percent(balanced)} (photographs dropped ${percent(dropped)}, others kept ${percent(passed)}, classes weighing alike)\n`,
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
