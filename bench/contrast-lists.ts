/**
 * What the contrast of a checkpoint puts first, for benches: lists as they are when held-out images and texts are ranked, hubs taken off, and of
 * training images and texts lists of the same kind: each image by the map that has not seen it, among 1,000 others.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../cli/config-file.ts';
import { regionsDir } from '../cli/data-place.ts';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { imageArrays, textArrays } from '../model/data/batch.ts';
import { type Example, readExamples } from '../model/data/example.ts';
import { bucketFor, lengthBuckets } from '../model/data/sampler.ts';
import { specialPieceIds, tokenizerOfModel } from '../model/data/tokenizer.ts';
import { shortcutFold } from '../model/net/objectives/itc.ts';
import { itcSize, parameterSpecs } from '../model/net/parameters.ts';
import { cosinesWithoutHubs } from '../model/ranking/hubs.ts';
import type { RetrievalSet } from '../model/ranking/recall.ts';
import { scoringFunctions } from '../model/ranking/scoring.ts';
import { splitImages } from '../model/retrieval/evaluate.ts';
import { openExecutable } from '../model/runtime/executable.ts';
import type { Arrays } from '../model/runtime/traced-function.ts';
import type { Checkpoint } from '../model/train/checkpoint.ts';
import type { KeptHubBank } from '../model/train/hub-bank.ts';

/** Images that are ranked together, as many as in a test. */
const poolImages = 1_000;
const batchRows = 64;

export interface OwnedSet extends RetrievalSet {
  /** Of the images. */
  readonly imageIds: readonly string[];
}

/** A query with the first of contrast: texts of an image, or images of a text. */
export interface List {
  readonly wanted: 'image' | 'text';
  /** Index of the image or the text that asks. */
  readonly query: number;
  readonly candidates: readonly number[];
  /** Cosines without hubs. */
  readonly similar: readonly number[];
  readonly right: readonly boolean[];
}

/** The first images of a split with their texts, as a checkpoint reads them. */
export async function readSet(
  corpus: string,
  split: string,
  checkpoint: Checkpoint,
  maxImages = Number.POSITIVE_INFINITY,
): Promise<OwnedSet> {
  const { maxPieces, maxRegions } = checkpoint.config;
  const examples: Example[] = [];
  const imageIds = new Set<string>();
  for await (const example of readExamples({
    shards: join(corpus, 'shards', split),
    regions: regionsDir(corpus, readConfig(corpus).regions),
    tokenizer: tokenizerOfModel(checkpoint),
    ...{ maxPieces, maxRegions },
  })) {
    if (imageIds.size === maxImages && !imageIds.has(example.imageId)) break;
    imageIds.add(example.imageId);
    examples.push(example);
  }
  return { ...splitImages(examples, 1)[0]!, imageIds: [...imageIds] };
}

export interface Embedded {
  readonly images: Float32Array;
  readonly texts: Float32Array;
}

/** Embeddings of a set, kept in a file; with `apart` each image by the map of the shortcut that has not seen it. */
export function embedded(checkpoint: Checkpoint, set: OwnedSet, file: string, apart: boolean): Embedded {
  const [I, T] = [set.images.length, set.texts.length];
  if (existsSync(file)) {
    const bytes = readFileSync(file);
    const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    if (all.length === (I + T) * itcSize)
      return { images: all.subarray(0, I * itcSize), texts: all.subarray(I * itcSize) };
  }
  const { config, vocabulary, featureStatistics } = checkpoint;
  const special = specialPieceIds(vocabulary);
  const model = openExecutable({
    parameters: parameterSpecs(config, { itc: true }),
    functions: scoringFunctions({ config, special }),
    precision: 'bf16',
  });
  model.load(checkpoint.values);
  const buckets = lengthBuckets(config);
  const all = new Float32Array((I + T) * itcSize);
  const embed = (
    name: 'image' | 'text',
    lengths: readonly number[],
    inputs: (rows: readonly number[]) => Arrays,
    from: number,
  ) => {
    const order = lengths.map((_, row) => row).sort((one, other) => lengths[one]! - lengths[other]!);
    for (let at = 0; at < order.length; at += batchRows) {
      const rows = Array.from({ length: batchRows }, (_, row) => order[at + row] ?? order[at]!);
      const found = model.run(name, inputs(rows)).embeddings as Float32Array;
      rows.forEach((row, index) => {
        all.set(found.subarray(index * itcSize, (index + 1) * itcSize), (from + row) * itcSize);
      });
    }
  };
  const regionCounts = set.images.map(({ labels }) => labels.length);
  const pieceCounts = set.texts.map((text) => text.length);
  const longest = (bucket: readonly number[], counts: readonly number[], rows: readonly number[]) =>
    bucketFor(bucket, Math.max(...rows.map((row) => counts[row]!)));
  const imageInputs = (rows: readonly number[]): Arrays => ({
    ...imageArrays(
      rows.map((row) => set.images[row]!),
      longest(buckets.regions, regionCounts, rows),
      featureStatistics,
    ),
    ...(apart && {
      shortcutFolds: {
        shape: [batchRows],
        values: Int32Array.from(rows, (row) => shortcutFold(set.imageIds[row]!)),
      },
    }),
  });
  const textInputs = (rows: readonly number[]): Arrays =>
    textArrays(
      rows.map((row) => set.texts[row]!),
      longest(buckets.pieces, pieceCounts, rows),
      special,
    );
  embed('image', regionCounts, imageInputs, 0);
  embed('text', pieceCounts, textInputs, I);
  model.dispose();
  writeFileAtomic(file, Buffer.from(all.buffer));
  return { images: all.subarray(0, I * itcSize), texts: all.subarray(I * itcSize) };
}

/** The rows of some images and of their texts. */
export function partOf({ images, texts }: Embedded, { owner }: RetrievalSet, from: number, to: number) {
  const own = owner.flatMap((image, text) => (image >= from && image < to ? [text] : []));
  return {
    images: images.subarray(from * itcSize, to * itcSize),
    texts: texts.subarray(own[0]! * itcSize, (own.at(-1)! + 1) * itcSize),
    owner: own.map((text) => owner[text]! - from),
    firstText: own[0]!,
  };
}

/**
 * Lists of training images and texts in pools of 1,000 images, as far as they hold a right one. What tells hubs are pairs of the two pools
 * that follow, so that no image is in its own bank.
 */
export function trainingLists(set: OwnedSet, all: Embedded, bank: KeptHubBank, first: number) {
  const pools = Math.floor(set.images.length / poolImages);
  const lists: List[] = [];
  const counts = { image: 0, text: 0, imageFirst: 0, textFirst: 0, images: 0, texts: 0 };
  for (let pool = 0; pool < pools; pool++) {
    const own = partOf(all, set, pool * poolImages, (pool + 1) * poolImages);
    const others = [1, 2].map((further) => {
      const at = (pool + further) % pools;
      const part = partOf(all, set, at * poolImages, (at + 1) * poolImages);
      const firsts = part.owner.flatMap((image, text) => (part.owner.indexOf(image) === text ? [text] : []));
      return {
        images: part.images,
        texts: concat(firsts.map((text) => part.texts.subarray(text * itcSize, (text + 1) * itcSize))),
      };
    });
    const ownBank = {
      images: concat(others.map(({ images }) => images)),
      texts: concat(others.map(({ texts }) => texts)),
      taken: bank.taken,
    };
    const table = cosinesWithoutHubs(own.images, own.texts, ownBank);
    const found = listsOf(table, own.owner, first);
    counts.images += poolImages;
    counts.texts += own.owner.length;
    for (const list of found) {
      if (list.right[0]) counts[list.wanted === 'image' ? 'imageFirst' : 'textFirst'] += 1;
      if (!list.right.some((one) => one)) continue;
      counts[list.wanted] += 1;
      const [query, candidate] =
        list.wanted === 'image' ? [own.firstText, pool * poolImages] : [pool * poolImages, own.firstText];
      lists.push({
        ...list,
        query: list.query + query,
        candidates: list.candidates.map((one) => one + candidate),
      });
    }
  }
  return { lists, counts };
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The first of each image and each text by a table [images × texts], likeliest first. */
export function listsOf(table: Float32Array, owner: readonly number[], first: number): List[] {
  const T = owner.length;
  const I = table.length / T;
  const lists: List[] = [];
  const add = (wanted: List['wanted'], query: number, count: number, place: (index: number) => number) => {
    const order = Array.from({ length: count }, (_, index) => index);
    order.sort((one, other) => table[place(other)]! - table[place(one)]!);
    const candidates = order.slice(0, first);
    lists.push({
      wanted,
      query,
      candidates,
      similar: candidates.map((one) => table[place(one)]!),
      right: candidates.map((one) => (wanted === 'image' ? owner[query] === one : owner[one] === query)),
    });
  };
  for (let image = 0; image < I; image++) add('text', image, T, (text) => image * T + text);
  for (let text = 0; text < T; text++) add('image', text, I, (image) => image * T + text);
  return lists;
}

/** The scale of contrast by which the right ones of lists are likeliest, and the mean loss then. */
export function bestListScale(lists: readonly List[]): { scale: number; loss: number } {
  const lossAt = (scale: number): number =>
    lists.reduce((sum, list) => sum + listLoss(list, list.similar.map((one) => scale * one)), 0) / lists.length; // biome-ignore format: one line
  let best = { scale: 1, loss: Number.POSITIVE_INFINITY };
  for (let step = 0; step <= 24; step++) {
    const scale = 4 * 2 ** (step / 5);
    const loss = lossAt(scale);
    if (loss < best.loss) best = { scale, loss };
  }
  return best;
}

/** Of logits of a list: minus the logarithm of the share that its right ones have. */
export function listLoss({ right }: Pick<List, 'right'>, logits: readonly number[]): number {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const all = powers.reduce((sum, one) => sum + one, 0);
  return -Math.log(powers.reduce((sum, one, index) => sum + (right[index] ? one : 0), 0) / all);
}
