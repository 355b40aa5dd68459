/**
 * What the contrast of a checkpoint puts first, for benches: lists as they are when held-out images and texts are ranked, hubs taken off, and of
 * training images and texts lists of the same kind: each image by the map that has not seen it, among 1,000 others. And what further logits
 * do to such lists.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../cli/config-file.ts';
import { regionsDir } from '../cli/data-place.ts';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { UserError } from '../dataset/user-error.ts';
import { type Example, readExamples } from '../model/data/example.ts';
import { specialPieceIds, tokenizerOfModel } from '../model/data/tokenizer.ts';
import { shortcutFold } from '../model/net/objectives/itc.ts';
import { itcSize, parameterSpecs } from '../model/net/parameters.ts';
import { cosinesWithoutHubs } from '../model/ranking/hubs.ts';
import { openImageMap, withImageMap } from '../model/ranking/image-map.ts';
import type { RetrievalSet } from '../model/ranking/recall.ts';
import { scoringFunctions, scoringOf } from '../model/ranking/scoring.ts';
import { splitImages } from '../model/retrieval/evaluate.ts';
import { openExecutable } from '../model/runtime/executable.ts';
import type { Arrays, Executable } from '../model/runtime/traced-function.ts';
import type { Checkpoint } from '../model/train/checkpoint.ts';
import type { KeptHubBank } from '../model/train/hub-bank.ts';
import { readImageMap } from '../model/train/image-map.ts';

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
  const all = new Float32Array((I + T) * itcSize);
  const scoring = (inputs: Arrays = {}) => {
    const run: Executable['run'] = (name, own) => model.run(name, { ...own, ...inputs });
    return scoringOf({ ...model, run }, { config, special, featureStatistics }, { batchPairs: batchRows });
  };
  const shortestFirst = (lengths: readonly number[]): number[] =>
    lengths.map((_, row) => row).sort((one, other) => lengths[one]! - lengths[other]!);
  const put = (rows: readonly number[], found: Float32Array, from: number): void =>
    rows.forEach((row, index) => {
      all.set(found.subarray(index * itcSize, (index + 1) * itcSize), (from + row) * itcSize);
    });
  const images = shortestFirst(set.images.map(({ labels }) => labels.length));
  const folds = set.imageIds.map(shortcutFold);
  const kept = readImageMap(checkpoint.dir);
  const map = kept && openImageMap(kept);
  for (const fold of apart ? new Set(folds) : [undefined]) {
    const rows = images.filter((row) => fold === undefined || folds[row] === fold);
    const shortcutFolds = { shape: [batchRows], values: new Int32Array(batchRows).fill(fold ?? 0) };
    const ofFold = scoring(fold === undefined ? {} : { shortcutFolds });
    const { embedImages } = map ? withImageMap(ofFold, map) : ofFold;
    put(rows, embedImages(rows.map((row) => set.images[row]!)), 0);
  }
  const texts = shortestFirst(set.texts.map((text) => text.length));
  put(texts, scoring().embedTexts(texts.map((row) => set.texts[row]!)), I);
  model.dispose();
  map?.dispose();
  writeFileAtomic(file, Buffer.from(all.buffer));
  return { images: all.subarray(0, I * itcSize), texts: all.subarray(I * itcSize) };
}

/** The rows of some images and of their texts. */
function partOf({ images, texts }: Embedded, { owner }: RetrievalSet, from: number, to: number) {
  const own = owner.flatMap((image, text) => (image >= from && image < to ? [text] : []));
  return {
    images: images.subarray(from * itcSize, to * itcSize),
    texts: texts.subarray(own[0]! * itcSize, (own.at(-1)! + 1) * itcSize),
    owner: own.map((text) => owner[text]! - from),
    firstText: own[0]!,
  };
}

const poolImages = 1_000;

/** Whole pools of a set. Throws a UserError for fewer than three: of fewer, images would be in their own bank. */
export function poolsOf({ images }: RetrievalSet, size = poolImages): number {
  if (images.length < 3 * size)
    throw new UserError(`Expected at least ${3 * size} training images but received ${images.length}; take a larger corpus or more --images.`); // biome-ignore format: one line
  return Math.floor(images.length / size);
}

/**
 * Lists of training images and texts in pools of so many images, as far as they hold a right one. What tells hubs are pairs of the two pools
 * that follow.
 */
export function trainingLists(set: OwnedSet, all: Embedded, bank: KeptHubBank, first: number, size = poolImages) {
  const pools = poolsOf(set, size);
  const lists: List[] = [];
  const counts = { image: 0, text: 0, imageFirst: 0, textFirst: 0, images: 0, texts: 0 };
  for (let pool = 0; pool < pools; pool++) {
    const own = partOf(all, set, pool * size, (pool + 1) * size);
    const others = [1, 2].map((further) => {
      const at = (pool + further) % pools;
      const part = partOf(all, set, at * size, (at + 1) * size);
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
    counts.images += size;
    counts.texts += own.owner.length;
    for (const list of found) {
      if (list.right[0]) counts[list.wanted === 'image' ? 'imageFirst' : 'textFirst'] += 1;
      if (!list.right.some((one) => one)) continue;
      counts[list.wanted] += 1;
      const [query, candidate] = list.wanted === 'image' ? [own.firstText, pool * size] : [pool * size, own.firstText];
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

/** What contrast's cosines are multiplied with, of each direction. */
export type Scales = Readonly<Record<List['wanted'], number>>;

export const directions = ['image', 'text'] as const;
const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length;
const spread = (all: readonly number[]): number => Math.sqrt(mean(all.map((one) => (one - mean(all)) ** 2)));

/** In words: the mean loss of lists by contrast and further logits less that of contrast alone, of each direction, with standard errors. */
export function gainOnLists(lists: readonly List[], logits: readonly (readonly number[])[], scales: Scales): string {
  const sides = directions.map((wanted) => {
    const own = lists.flatMap((list, index) => (list.wanted === wanted ? [{ list, added: logits[index]! }] : []));
    const compared = own.map(({ list, added }) => {
      const before = list.similar.map((one) => scales[wanted] * one);
      const after = before.map((one, place) => one + added[place]!);
      const isFirst = (all: readonly number[]) => Number(list.right[all.indexOf(Math.max(...all))]);
      return { loss: listLoss(list, after) - listLoss(list, before), first: isFirst(after) - isFirst(before) };
    });
    const losses = compared.map(({ loss }) => loss);
    const error = spread(losses) / Math.sqrt(losses.length);
    const firsts = 100 * mean(compared.map(({ first }) => first));
    const spreads = mean(own.map(({ added }) => spread(added)));
    return `${wanted}s ${mean(losses).toFixed(4)} ± ${error.toFixed(4)} (R@1 ${firsts.toFixed(1)}, spread ${spreads.toFixed(2)})`;
  });
  return sides.join(', ');
}
