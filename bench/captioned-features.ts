/**
 * Captioned images as a linear map sees them, for benches: of each image the feature of the whole from the region columns of a corpus, of
 * its texts MiniLM's vectors, which are kept in CORPUS/closing-loop.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readConfig } from '../cli/config-file.ts';
import { regionsDir } from '../cli/data-place.ts';
import type { Random } from '../dataset/random.ts';
import { readExamples } from '../model/data/example.ts';
import { readTokenizer } from '../model/data/tokenizer.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { type CaptionedFeature, type TextSpace, wholeImageFeature } from '../model/ranking/linear-map.ts';
import { tf, valuesOf } from '../model/runtime/backend.ts';
import { matrixOf } from '../model/runtime/ridge.ts';
import { miniLmFeatures } from '../model/scorers/text-features.ts';

/** An image's feature with the vectors of its texts. */
export type Pair = CaptionedFeature<Float32Array>;

/** Vectors are targets as they are. */
export const space: TextSpace<Float32Array> = { name: 'minilm', fit: () => matrixOf };

/** The images of a split in order, each with so many of its texts. */
export async function pairsOf(corpus: string, split: string, textsEach: number): Promise<Pair[]> {
  const weights = await ensurePretrained('minilm');
  const tokenizer = readTokenizer(join(dirname(weights), 'vocab.txt'));
  const images = new Map<string, { feature: Float32Array; texts: string[] }>();
  const [shards, regions] = [join(corpus, 'shards', split), regionsDir(corpus, readConfig(corpus).regions)];
  for await (const { imageId, pieces, ...one } of readExamples({
    shards,
    regions,
    tokenizer,
    maxPieces: 62,
    maxRegions: 1,
  })) {
    const image = images.get(imageId) ?? { feature: wholeImageFeature(one.regions), texts: [] };
    images.set(imageId, image);
    // Pieces of a word go together again, so that MiniLM cuts the text into the same.
    const text = pieces
      .map((piece) => tokenizer.vocabulary[piece])
      .join(' ')
      .replaceAll(' ##', '');
    if (image.texts.length < textsEach) image.texts.push(text);
  }
  const texts = [...images.values()].flatMap((image) => image.texts);
  const folder = join(corpus, 'closing-loop');
  mkdirSync(folder, { recursive: true });
  const vectors = vectorsOf(join(folder, `${split}-${textsEach}.f32`), weights, texts);
  let at = 0;
  return [...images.values()].map(({ feature, texts: own }) => {
    at += own.length;
    return { feature, texts: vectors.slice(at - own.length, at) };
  });
}

/** MiniLM's vectors, kept in a file. */
function vectorsOf(file: string, weights: string, texts: readonly string[]): Float32Array[] {
  if (!existsSync(file)) {
    const features = miniLmFeatures(weights);
    const found = new Float32Array(texts.length * features.size);
    // Texts of one length together, so that little is padded.
    const order = texts.map((_, at) => at).sort((a, b) => texts[a]!.length - texts[b]!.length);
    for (let from = 0; from < order.length; from += 128) {
      const some = order.slice(from, from + 128);
      features.of(some.map((at) => texts[at]!)).forEach((vector, at) => {
        found.set(vector, some[at]! * features.size);
      });
    }
    features.dispose();
    writeFileSync(file, new Uint8Array(found.buffer));
  }
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  const all = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  const size = all.length / texts.length;
  return texts.map((_, at) => all.subarray(at * size, (at + 1) * size));
}

const nearest = 20;

/** Draws another image from the nearest of one by the cosine of their features. */
export function looksAlike(pairs: readonly Pair[], draw: Random): (at: number) => number {
  const count = pairs.length;
  const likeness = valuesOf(() => {
    const features = tf.tensor2d(matrixOf(pairs.map(({ feature }) => feature)).values, [
      count,
      pairs[0]!.feature.length,
    ]);
    const units = tf.div(features, tf.norm(features, 2, 1, true));
    return tf.matMul(units, units, false, true); // [N, N]
  });
  return (at) => {
    const row = likeness.subarray(at * count, (at + 1) * count);
    const bound = row.toSorted().at(-nearest - 1)!;
    const alike = pairs.flatMap((_, other) => (other !== at && row[other]! >= bound ? [other] : []));
    return alike[draw.below(alike.length)]!;
  };
}
