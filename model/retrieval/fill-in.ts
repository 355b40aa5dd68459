/** What a checkpoint says where words and regions of pairs are hidden, as training hides them (ImageBERT §4.2): for people to look at. */
import { random } from '../../dataset/random.ts';
import { trainingBatch } from '../data/batch.ts';
import type { Example } from '../data/example.ts';
import { bucketFor, lengthBuckets } from '../data/sampler.ts';
import { specialPieceIds } from '../data/tokenizer.ts';
import { guessHidden } from '../net/imagebert.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { openExecutable } from '../runtime/executable.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import type { Checkpoint } from '../train/checkpoint.ts';

/** What stands at a hidden place, and what the model says instead. */
export interface HiddenPart {
  /** Its number among the pieces, or among the regions, of its pair. */
  readonly at: number;
  /** The id of the piece, or the number of the class that the detector gave. */
  readonly truth: number;
  /** Ids or classes, the likeliest first, with their probabilities. */
  readonly guesses: readonly { readonly value: number; readonly probability: number }[];
}

/** What was hidden of a pair. */
export interface FilledPair {
  readonly pieces: readonly HiddenPart[];
  readonly regions: readonly HiddenPart[];
}

/** Guesses of each hidden place. */
const shownGuesses = 3;
/** Regions that overlap a hidden one by more are hidden too, as in training. */
const maxOverlap = 0.4;

/**
 * Hides 15 % of the words and regions of each pair, at least one, and asks the checkpoint for them: words where it learned MLM, classes of regions
 * where it learned MOC. Unlike in training all of them are hidden, and none is shown as it is or as another one. Runs op by op, in float32.
 * `seed` draws what is hidden.
 */
export function fillIn(checkpoint: Checkpoint, examples: readonly Example[], { seed = 0 } = {}): FilledPair[] {
  const { config, vocabulary, objectives: learned, featureStatistics, values } = checkpoint;
  const objectives = { mlm: learned.mlm, moc: config.classes > 1 ? learned.moc : 0, mrfr: 0, itm: 0, itc: 0 };
  const filled = examples.map(() => ({ pieces: [] as HiddenPart[], regions: [] as HiddenPart[] }));
  if (examples.length === 0 || objectives.mlm + objectives.moc === 0) return filled;
  const special = specialPieceIds(vocabulary);
  const buckets = lengthBuckets(config);
  const W = bucketFor(buckets.pieces, Math.max(...examples.map(({ pieces }) => pieces.length)));
  const R = bucketFor(buckets.regions, Math.max(...examples.map(({ regions }) => regions.labels.length)));
  const setup = { config, special, objectives, featureStatistics, maxOverlap };
  const shape = { pairs: examples.length, pieces: W, regions: R };
  const arrays = trainingBatch(examples, shape, setup, random(seed, 0xf111));
  const T = 1 + R + 1 + W + 1;
  /** The places that count, which come before the rest. */
  const places = (name: string, counts: string) =>
    Array.from(arrays[name]?.values ?? [], (place) => ({ pair: Math.floor(place / T), at: place % T })).filter(
      (_, index) => arrays[counts]!.values[index]! > 0,
    );
  const pieces = places('mlmPlaces', 'mlmCounts').map(({ pair, at }) => ({ pair, at: at - 2 - R }));
  const regions = places('regionPlaces', 'regionCounts').map(({ pair, at }) => ({ pair, at: at - 1 }));
  for (const { pair, at } of pieces) arrays.pieces!.values[pair * (W + 1) + at] = special.maskId;
  for (const { pair, at } of regions) arrays.regionShown!.values[pair * R + at] = 0;
  const said = run(checkpoint, special, arrays, values);
  const guessed = (name: 'pieces' | 'classes', row: number) => likeliest(said[name] as Float32Array, row, name === 'pieces' ? config.vocabularySize : config.classes); // biome-ignore format: one line
  pieces.forEach(({ pair, at }, row) => {
    filled[pair]!.pieces.push({ at, truth: examples[pair]!.pieces[at]!, guesses: guessed('pieces', row) });
  });
  regions.forEach(({ pair, at }, row) => {
    filled[pair]!.regions.push({ at, truth: examples[pair]!.regions.labels[at]!, guesses: guessed('classes', row) });
  });
  const inOrder = (parts: readonly HiddenPart[]) => parts.toSorted((a, b) => a.at - b.at);
  return filled.map((one) => ({ pieces: inOrder(one.pieces), regions: inOrder(one.regions) }));
}

function run(
  { config, objectives }: Checkpoint,
  special: ReturnType<typeof specialPieceIds>,
  arrays: Arrays,
  values: Checkpoint['values'],
): Readonly<Record<string, Float32Array | Int32Array>> {
  const model = openExecutable({
    parameters: parameterSpecs(config, { itc: objectives.itc > 0 }),
    functions: {
      guess: (inputs, parameters) => ({ outputs: { ...guessHidden({ config, special, parameters }, inputs) } }),
    },
    // One batch is not worth a graph.
    compiled: false,
  });
  try {
    model.load(values);
    return model.run('guess', arrays);
  } finally {
    model.dispose();
  }
}

/** The likeliest of a row of `probabilities` [rows, width]. */
function likeliest(probabilities: Float32Array, row: number, width: number): HiddenPart['guesses'] {
  const own = probabilities.subarray(row * width, (row + 1) * width);
  const best: number[] = [];
  for (let value = 0; value < width; value += 1) {
    if (best.length === shownGuesses && own[value]! <= own[best.at(-1)!]!) continue;
    best.push(value);
    best.sort((a, b) => own[b]! - own[a]!);
    best.length = Math.min(best.length, shownGuesses);
  }
  return best.map((value) => ({ value, probability: own[value]! }));
}
