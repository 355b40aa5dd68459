/**
 * Whether a weak model cleans what the next one learns from (ImageBERT §3: LAIT's idea), on data whose truth is known. Training pairs
 * (an image and its first caption) are cut into a small clean part and a large one of which a share carries another image's
 * caption: any other's (`random`), or that of an image that looks alike (`neighbour`: drawn from the 20 nearest by the feature of
 * the whole image). A map fitted to the clean part scores the large one, the pairs likelier wrong than right are dropped, and maps
 * fitted to all, to what is kept, to as many drawn at random and to what is truly right retrieve the images and texts of the test split.
 * Then once more, scored by maps that have learned from what was kept.
 *
 *     node --import tsx bench/closing-loop.ts CORPUS [--levels 0.4,0.2,0.6] [--kinds random,neighbour] [--seeds 3] [--clean 1000]
 *
 * CORPUS has shards train and test, and regions. The vectors of texts and finished cells are kept in CORPUS/closing-loop, so that a
 * bench that was stopped goes on.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { random } from '../dataset/random.ts';
import { shareOfRight } from '../filters/corpus/share-of-right.ts';
import { chooseLambda, cosines, pairedCosines } from '../model/ranking/linear-map.ts';
import { type ByDirection, recalls } from '../model/ranking/recall.ts';
import { type LinearMap, mapped, matrixOf, openRidge } from '../model/runtime/ridge.ts';
import { calibrate, chanceOf, rightAndWrong } from '../model/scorers/calibration.ts';
import { looksAlike, type Pair, pairsOf, space } from './captioned-features.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    levels: { type: 'string', default: '0.4,0.2,0.6' },
    kinds: { type: 'string', default: 'random,neighbour' },
    seeds: { type: 'string', default: '3' },
    clean: { type: 'string', default: '1000' },
  },
});
const [corpus] = positionals;
if (corpus === undefined) throw new Error('Expected a corpus with the splits train and test but received none.');
const folder = join(corpus, 'closing-loop');
mkdirSync(folder, { recursive: true });

/** For standardised features and thousands of images; what `chooseLambda` takes for 6,000 of them is 3,000. */
const triedLambdas = [3_000, 10_000, 30_000];

function fitted(pairs: readonly Pair[], lambdas: readonly number[]): LinearMap[] {
  const ridge = openRidge(matrixOf(pairs.map(({ feature }) => feature)), matrixOf(pairs.map(({ texts }) => texts[0]!)));
  try {
    return lambdas.map((lambda) => ridge.fit(lambda));
  } finally {
    ridge.dispose();
  }
}

/** Mean of R@1, 5 and 10 in both directions. */
const quality = ({ image, text }: ByDirection): number =>
  (image.r1 + image.r5 + image.r10 + text.r1 + text.r5 + text.r10) / 6;

function retrieval(map: LinearMap, pairs: readonly Pair[]): number {
  const guesses = mapped(map, matrixOf(pairs.map(({ feature }) => feature)));
  const table = cosines(guesses, matrixOf(pairs.flatMap(({ texts }) => texts)), map.offset);
  return quality(recalls(table, pairs.flatMap(({ texts }, image) => texts.map(() => image)))); // biome-ignore format: one line
}

interface Drop {
  readonly threshold: number;
  readonly estimatedRight: number;
  /** Of the pairs that are dropped the share that is wrong; of the wrong pairs the share that is dropped. */
  readonly precision: number;
  readonly recall: number;
  readonly kept: number;
}

interface Cell {
  /** Scored by the clean part's map, and by maps of what that kept. */
  readonly drops: readonly Drop[];
  /** Retrieval of maps fitted to it, with the clean part. */
  readonly retrieval: Readonly<Record<Row, number>>;
}

const rows = ['clean part', 'all', 'random', 'even', 'kept', 'kept twice', 'truly right', 'uncorrupted'] as const;
type Row = (typeof rows)[number];

async function cellOf(train: readonly Pair[], test: readonly Pair[], kind: string, level: number, seed: number) {
  const order = random(seed, 1).shuffle(train.map((_, at) => at));
  const cleanCount = Number(flags.clean);
  const clean = order.slice(0, cleanCount).map((at) => train[at]!);
  const web = order.slice(cleanCount).map((at) => train[at]!);
  const isWrong = wrongPairs(web.length, level, seed);
  const captions = kind === 'random' ? randomCaptions(web, isWrong, seed) : neighboursCaptions(web, isWrong, seed);
  const pairs = web.map((pair, at): Pair => ({ feature: pair.feature, texts: [captions[at]!] }));
  const features = pairs.map(({ feature }) => feature);

  // Scored by the clean part, as `lait train-relevance` fits and calibrates.
  const { lambda, cosines: heldOutCosines, owner } = await chooseLambda(clean, space);
  const first = calibrate(rightAndWrong(heldOutCosines, owner));
  const [cleanMap] = fitted(clean, [lambda]);
  const chances = pairedCosines(cleanMap!, features, captions).map((score) => chanceOf(first, score));
  const firstDrop = dropOf(chances, isWrong);
  const keep = (chance: readonly number[], threshold: number) =>
    pairs.filter((_, index) => chance[index]! >= threshold);
  const kept = keep(chances, firstDrop.threshold);

  // Once more: five maps, none of which has seen the pair that it scores.
  const folds = 5;
  const again = new Array<number>(pairs.length).fill(0);
  const [right, wrong]: [number[], number[]] = [[], []];
  for (let fold = 0; fold < folds; fold++) {
    const mine = <T>(list: readonly T[]) => list.filter((_, index) => index % folds === fold);
    const others = pairs.filter((_, index) => index % folds !== fold && chances[index]! >= firstDrop.threshold);
    const [map] = fitted([...clean.filter((_, index) => index % folds !== fold), ...others], [triedLambdas[0]!]);
    const held = mine(clean);
    const heldTexts = held.map(({ texts }) => texts[0]!);
    const heldFeatures = held.map(({ feature }) => feature);
    right.push(...pairedCosines(map!, heldFeatures, heldTexts));
    wrong.push(...pairedCosines(map!, heldFeatures, [...heldTexts.slice(1), heldTexts[0]!]));
    const places = mine(pairs.map((_, index) => index));
    pairedCosines(map!, mine(features), mine(captions)).forEach((score, index) => {
      again[places[index]!] = score;
    });
  }
  const second = calibrate({ right, wrong });
  const chancesAgain = again.map((score) => chanceOf(second, score));
  const secondDrop = dropOf(chancesAgain, isWrong);

  const drawn = random(seed, 3)
    .shuffle([...pairs])
    .slice(0, kept.length);
  const sets: Record<Row, readonly Pair[]> = {
    'clean part': [],
    all: pairs,
    random: drawn,
    even: keep(chances, 0.5),
    kept,
    'kept twice': keep(chancesAgain, secondDrop.threshold),
    'truly right': pairs.filter((_, index) => !isWrong[index]),
    uncorrupted: web.map(({ feature, texts }) => ({ feature, texts: texts.slice(0, 1) })),
  };
  const found = {} as Record<Row, number>;
  for (const row of rows) {
    const maps = fitted([...clean, ...sets[row]], triedLambdas);
    // The best λ of each: a little kind to all of them alike.
    found[row] = Math.max(...maps.map((map) => retrieval(map, test)));
  }
  return { drops: [firstDrop, secondDrop], retrieval: found } satisfies Cell;
}

function wrongPairs(count: number, level: number, seed: number): boolean[] {
  const order = random(seed, 2).shuffle(Array.from({ length: count }, (_, at) => at));
  const chosen = new Set(order.slice(0, Math.round(level * count)));
  return order.map((_, at) => chosen.has(at));
}

/** Those that are wrong hand their captions round. */
function randomCaptions(web: readonly Pair[], isWrong: readonly boolean[], seed: number): Float32Array[] {
  const ring = random(seed, 4).shuffle(web.flatMap((_, at) => (isWrong[at] ? [at] : [])));
  const from = new Map(ring.map((at, place) => [at, ring[(place + 1) % ring.length]!]));
  return web.map(({ texts }, at) => (isWrong[at] ? web[from.get(at)!]!.texts[0]! : texts[0]!));
}

/** Those that are wrong take the caption of an image that looks alike. */
function neighboursCaptions(web: readonly Pair[], isWrong: readonly boolean[], seed: number): Float32Array[] {
  const lookAlike = looksAlike(web, random(seed, 5));
  return web.map(({ texts }, at) => (isWrong[at] ? web[lookAlike(at)]!.texts[0]! : texts[0]!));
}

/** Drops what is likelier wrong than right, after the share of right pairs that the chances themselves tell. */
function dropOf(chances: readonly number[], isWrong: readonly boolean[]): Drop {
  const estimatedRight = shareOfRight(chances);
  const threshold = 1 - estimatedRight;
  const dropped = chances.flatMap((chance, at) => (chance < threshold ? [isWrong[at]!] : []));
  const hits = dropped.filter((wrong) => wrong).length;
  return {
    threshold,
    estimatedRight,
    precision: hits / Math.max(1, dropped.length),
    recall: hits / Math.max(1, isWrong.filter((wrong) => wrong).length),
    kept: chances.length - dropped.length,
  };
}

const train = await pairsOf(corpus, 'train', 1);
const test = await pairsOf(corpus, 'test', 5);
const percent = (value: number) => (100 * value).toFixed(1);
const mean = (all: readonly number[]) => all.reduce((sum, one) => sum + one, 0) / all.length;
const lines = [
  `| wrong captions | seeds | right, estimated | drop: precision, recall | once more | ${rows.join(' | ')} | won back | twice |`,
  `|---|---|---|---|---|${rows.map(() => '---|').join('')}---|---|`,
];
for (const level of flags.levels.split(',').map(Number)) {
  for (const kind of flags.kinds.split(',')) {
    const cells: Cell[] = [];
    for (let seed = 0; seed < Number(flags.seeds); seed++) {
      const file = join(folder, `${kind}-${level}-${flags.clean}-${seed}.json`);
      if (!existsSync(file)) writeFileSync(file, JSON.stringify(await cellOf(train, test, kind, level, seed)));
      cells.push(JSON.parse(readFileSync(file, 'utf8')) as Cell);
      console.error(kind, level, seed, JSON.stringify(cells.at(-1)));
    }
    const of = (row: Row) => mean(cells.map((cell) => cell.retrieval[row]));
    const drop = (round: number, key: keyof Drop) => percent(mean(cells.map((cell) => cell.drops[round]![key])));
    const won = (row: Row) => percent((of(row) - of('all')) / (of('truly right') - of('all')));
    lines.push(
      `| ${percent(level)} % ${kind} | ${cells.length} | ${drop(0, 'estimatedRight')} | ${drop(0, 'precision')}, ${drop(0, 'recall')} | ${drop(1, 'precision')}, ${drop(1, 'recall')} | ${rows.map((row) => percent(of(row))).join(' | ')} | ${won('kept')} | ${won('kept twice')} |`,
    );
  }
}
console.log(lines.join('\n'));
