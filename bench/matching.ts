/**
 * What a cross-encoder adds to contrast where it begins at contrast's own order: a pair's logit is that of contrast, without hubs and frozen,
 * plus that of the cross-encoder, whose last layer starts at 0. It learns from the first 16 of contrast where the right one is among them,
 * as they are when held-out pairs are ranked, and is measured by lists of the validation split. It starts from the encoder of a run.
 *
 *     node --import tsx bench/matching.ts CORPUS --run NAME [--name TRY] [--layers 3] [--learning-rate 5e-4] [--steps 400] [--images 3000]
 *
 * What it has made is kept in CORPUS/matching, so that a bench that was stopped goes on; other weights or data have a folder of their own there.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { requirePath } from '../cli/command.ts';
import { replaceFile, writeFileAtomic } from '../dataset/atomic-file.ts';
import { random } from '../dataset/random.ts';
import { UserError } from '../dataset/user-error.ts';
import { readSafetensors, writeSafetensors } from '../model/formats/safetensors.ts';
import { type Dropout, noDropout } from '../model/net/dropout.ts';
import { parameterSpecs } from '../model/net/parameters.ts';
import { cosinesWithoutHubs } from '../model/ranking/hubs.ts';
import { type Tensor, tf } from '../model/runtime/backend.ts';
import { openExecutable } from '../model/runtime/executable.ts';
import { adamW, ratesAt } from '../model/runtime/optimizer.ts';
import { frozenOf } from '../model/runtime/parameter.ts';
import type { Arrays, Inputs, Parameters } from '../model/runtime/traced-function.ts';
import { readCheckpoint, weightsName } from '../model/train/checkpoint.ts';
import { readHubBank } from '../model/train/hub-bank.ts';
import { weightsSha256 } from '../model/train/made-from.ts';
import { learningRate } from '../model/train/schedule.ts';
import { trainFunction } from '../model/train/step.ts';
import {
  bestListScale,
  directions,
  embedded,
  gainOnLists,
  type List,
  listLoss,
  listsOf,
  poolsOf,
  readSet,
  type Scales,
  trainingLists,
} from './contrast-lists.ts';
import { aloneStates, jointArrays, jointLogits } from './joint-layers.ts';

const listsOfBatch = 16;
/** Of each list in training; in measuring all of its `first`. */
const drawnCandidates = 8;
const pairsOfBatch = listsOfBatch * drawnCandidates;
const first = 16;
const maxRegions = 16;
/** Of the learning rate, in layers that the run has learned. */
const encoderRate = 0.2;
const seed = 0;

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
}
const percents = (all: readonly number[]): string => all.map((one) => (100 * one).toFixed(1)).join('/');
const isHeld = ({ right }: List): boolean => right.some((one) => one);

async function main(): Promise<void> {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      run: { type: 'string', default: 'pretrain' },
      name: { type: 'string', default: 'first' },
      layers: { type: 'string', default: '3' },
      steps: { type: 'string', default: '400' },
      'learning-rate': { type: 'string', default: '5e-4' },
      images: { type: 'string', default: 'Infinity' },
      'measure-every': { type: 'string', default: '50' },
      'measured-lists': { type: 'string', default: '320' },
    },
  });
  const [corpus] = positionals;
  if (corpus === undefined) throw new UserError('Expected CORPUS but received nothing; name a corpus with a run.');
  const [layers, steps, rate] = [Number(flags.layers), Number(flags.steps), Number(flags['learning-rate'])];

  // ---- The run, its data, and the lists of its contrast -------------------------------------------------------------------------
  requirePath(join(corpus, 'runs', flags.run), 'a run', 'name one by --run');
  for (const split of ['train', 'validation']) requirePath(join(corpus, 'shards', split), 'shards', 'run `lait export` first'); // biome-ignore format: one line
  const checkpoint = readCheckpoint(join(corpus, 'runs', flags.run));
  const { config } = checkpoint;
  const bank = readHubBank(checkpoint.dir);
  if (!bank) throw new UserError(`Expected a bank of hubs in ${checkpoint.dir} but there is none; name a run that learned contrast to its end.`); // biome-ignore format: one line
  if (!(layers >= 1 && layers <= config.layers)) throw new UserError(`Expected 1 to ${config.layers} for --layers but received ${flags.layers}; the run has no more.`); // biome-ignore format: one line
  const training = await readSet(corpus, 'train', checkpoint, Number(flags.images));
  poolsOf(training);
  const validation = await readSet(corpus, 'validation', checkpoint);
  say(`${training.images.length} training images, ${training.owner.length} texts`);
  const made = createHash('sha256')
    .update(weightsSha256(join(checkpoint.dir, weightsName)))
    .update(bank.sha256);
  for (const { imageIds, texts } of [training, validation]) made.update(JSON.stringify([imageIds, texts]));
  const kept = join(corpus, 'matching', `${flags.run}-${made.digest('hex').slice(0, 12)}`);
  mkdirSync(kept, { recursive: true });

  const listsFile = join(kept, 'lists.json');
  if (!existsSync(listsFile)) {
    const ofTraining = embedded(checkpoint, training, join(kept, 'train.bin'), true);
    const found = trainingLists(training, ofTraining, bank, first);
    const { images, texts } = embedded(checkpoint, validation, join(kept, 'validation.bin'), false);
    const table = cosinesWithoutHubs(images, texts, bank);
    writeFileAtomic(listsFile, JSON.stringify({ ...found, validation: listsOf(table, validation.owner, first) }));
  }
  const found: ReturnType<typeof trainingLists> & { validation: List[] } = JSON.parse(readFileSync(listsFile, 'utf8'));
  const { lists, counts, validation: ofValidation } = found;
  const shares = (is: (list: List) => boolean) =>
    directions.map((wanted) => {
      const own = ofValidation.filter((list) => list.wanted === wanted);
      return own.filter(is).length / own.length;
    });
  say(
    `training lists: right one first ${percents([counts.imageFirst / counts.texts, counts.textFirst / counts.images])}, among ${first} ` +
      `${percents([counts.image / counts.texts, counts.text / counts.images])}; validation: ` +
      `${percents(shares(({ right }) => right[0]!))}, ${percents(shares(isHeld))}`,
  );
  const scales = {} as Record<List['wanted'], number>;
  for (const wanted of directions) {
    const [own, other] = [lists, ofValidation.filter(isHeld)].map((all) =>
      all.filter((list) => list.wanted === wanted),
    );
    if (own!.length < listsOfBatch || other!.length === 0)
      throw new UserError(`Expected ${listsOfBatch} training lists and one of validation in which contrast finds the ${wanted} but received ${own!.length} and ${other!.length}; take a run that has learned more.`); // biome-ignore format: one line
    const [ofTraining, ofOther] = [bestListScale(own!), bestListScale(other!)];
    scales[wanted] = ofTraining.scale;
    const lossOf = other!.reduce((sum, list) => sum + listLoss(list, list.similar.map((one) => one * ofTraining.scale)), 0) / other!.length; // biome-ignore format: one line
    say(
      `${wanted}: ${own!.length} lists, scale ${ofTraining.scale.toFixed(1)}, loss ${ofTraining.loss.toFixed(4)}; validation ${lossOf.toFixed(4)}, ` +
        `at its own scale of ${ofOther.scale.toFixed(1)} ${ofOther.loss.toFixed(4)}`,
    );
  }

  // ---- What it had learned when it was stopped ----------------------------------------------------------------------------------
  const settings = JSON.stringify({ layers, steps, rate });
  const file = join(kept, `${flags.name}.safetensors`);
  const before = existsSync(file) ? readSafetensors(file) : undefined;
  if (before && before.metadata.settings !== settings)
    throw new UserError(`Expected ${before.metadata.settings} for ${file} but received ${settings}; give another --name.`); // biome-ignore format: one line
  const told: string[] = JSON.parse(before?.metadata.told ?? '[]');
  let step = Number(before?.metadata.step ?? 0);
  for (const line of told) say(line);
  if (step >= steps) return;

  // ---- The cross-encoder --------------------------------------------------------------------------------------------------------
  const isNew = (name: string) => name.startsWith('cls.itm') || name.startsWith('bert.pooler');
  const layerOf = (name: string) => Number(/^bert\.encoder\.layer\.(\d+)\./.exec(name)?.[1] ?? -1);
  const parameters = parameterSpecs(config)
    .filter(({ name }) => isNew(name) || layerOf(name) >= config.layers - layers)
    .map((spec) => ({ ...spec, rate: isNew(spec.name) ? 1 : encoderRate }));
  const match = (inputs: Inputs, of: Parameters, drop: Dropout): Tensor =>
    jointLogits(checkpoint, layers, { inputs, parameters: of, drop });
  const objectives = (inputs: Inputs, of: Parameters, drop: Dropout) => {
    const logits = tf.add(tf.reshape(match(inputs, of, drop), [listsOfBatch, drawnCandidates]), inputs.contrast!);
    const rightOnes = tf.add(logits, tf.mul(tf.sub(1, inputs.right!), -1e9));
    const loss = tf.mean(tf.sub(tf.logSumExp(logits, 1), tf.logSumExp(rightOnes, 1)));
    return { itm: { loss: loss as never } };
  };
  const executable = openExecutable({
    parameters,
    functions: {
      train: trainFunction(
        { weights: { itm: 1 }, objectives },
        { dropout: config.dropout, optimizer: adamW, frozen: frozenOf(parameters) },
      ),
      match: (inputs, of) => ({ outputs: { logits: match(inputs, of, noDropout) } }),
    },
    optimizer: adamW,
    precision: 'bf16',
  });
  const own = new Set(parameters.map(({ name }) => name));
  executable.load(new Map([...checkpoint.values].filter(([name]) => own.has(name))));
  for (const name of ['cls.itm.weight', 'cls.itm.bias'])
    executable.load(new Map([[name, new Float32Array(checkpoint.values.get(name)!.length)]]));
  if (before) executable.load(new Map([...before.tensors].map(([name, { values }]) => [name, values])));
  const [trainingStates, validationStates] = [training, validation].map((set) =>
    aloneStates(checkpoint, set, { layers, maxRegions }),
  );
  say(`the lower ${config.layers - layers} layers have read`);

  const drawn = directions.flatMap((wanted) =>
    random(seed, 0x4a1)
      .shuffle(ofValidation.filter((list) => list.wanted === wanted && isHeld(list)))
      .slice(0, Number(flags['measured-lists'])),
  );
  /** Logits of all candidates of the drawn lists. */
  const logitsOfDrawn = (): number[][] => {
    const pairs = drawn.flatMap((list, index) =>
      list.candidates.map((one, place) => ({ index, place, pair: pairOf(list, one) })),
    );
    pairs.sort(({ pair: one }, { pair: other }) => validation.texts[one[1]]!.length - validation.texts[other[1]]!.length); // biome-ignore format: one line
    const logits: number[][] = drawn.map(() => []);
    for (let at = 0; at < pairs.length; at += pairsOfBatch) {
      const some = Array.from({ length: pairsOfBatch }, (_, row) => pairs[at + row] ?? pairs[at]!);
      const made = executable.run('match', jointArrays(validationStates!, some.map(({ pair }) => pair))).logits!; // biome-ignore format: one line
      for (const [row, { index, place }] of some.entries()) logits[index]![place] = made[row]!;
    }
    return logits;
  };

  // ---- Training -----------------------------------------------------------------------------------------------------------------
  const schedule = { peak: rate, warmupSteps: Math.round(steps / 10), totalSteps: steps, decay: 'linear' } as const;
  const coming = batches(
    lists,
    training.texts.map((text) => text.length),
    scales,
  );
  for (let skipped = 0; skipped < step; skipped++) coming.next();
  let losses: number[] = [];
  while (step < steps) {
    const { pairs, contrast, right } = coming.next().value!;
    const shape = [listsOfBatch, drawnCandidates];
    const arrays: Arrays = {
      ...jointArrays(trainingStates!, pairs),
      contrast: { shape, values: contrast },
      right: { shape, values: right },
      seed: { shape: [2], values: Int32Array.of(seed, step * 4096) },
    };
    losses.push(executable.run('train', arrays, ratesAt(adamW, step, learningRate(step, schedule))).loss![0]!);
    step += 1;
    if (step % 10 === 0) {
      say(`step ${step}, loss ${(losses.reduce((sum, one) => sum + one, 0) / losses.length).toFixed(4)}`);
      losses = [];
    }
    if (step % Number(flags['measure-every']) !== 0 && step !== steps) continue;
    told.push(`step ${step}, held-out lists: ${gainOnLists(drawn, logitsOfDrawn(), scales)}`);
    say(told.at(-1)!);
    const values = new Map([...executable.values()].map(([name, all]) => [name, { shape: [all.length], values: all }]));
    const metadata = { settings, step: String(step), told: JSON.stringify(told) };
    replaceFile(file, (temporary) => writeSafetensors(temporary, values, metadata));
  }
  executable.dispose();
}

/** The image and the text of a query and one of its candidates. */
const pairOf = ({ wanted, query }: List, candidate: number): readonly [image: number, text: number] =>
  wanted === 'image' ? [candidate, query] : [query, candidate];

/** Batches of lists of one direction, in turns; texts that ask are of similar length. */
function* batches(lists: readonly List[], textLengths: readonly number[], scales: Scales) {
  const draw = random(seed, 0x115);
  function* batchesOf(wanted: List['wanted']): Generator<List[], never> {
    const own = lists.filter((list) => list.wanted === wanted);
    for (;;) {
      const left = draw.shuffle([...own]);
      while (left.length >= listsOfBatch) {
        const some = left.splice(0, 16 * listsOfBatch);
        if (wanted === 'image') some.sort((one, other) => textLengths[one.query]! - textLengths[other.query]!);
        const whole = Array.from({ length: Math.floor(some.length / listsOfBatch) }, (_, at) => at * listsOfBatch);
        for (const at of draw.shuffle(whole)) yield some.slice(at, at + listsOfBatch);
      }
    }
  }
  const inTurns = directions.map(batchesOf);
  for (let step = 0; ; step++) {
    const contrast = new Float32Array(pairsOfBatch);
    const right = new Float32Array(pairsOfBatch);
    const pairs = inTurns[step % 2]!.next().value.flatMap((list, row) => {
      const places = list.candidates.map((_, place) => place);
      const one = draw.shuffle(places.filter((place) => list.right[place]))[0]!;
      const others = draw.shuffle(places.filter((place) => place !== one)).slice(0, drawnCandidates - 1);
      return [one, ...others].map((place, column) => {
        contrast[row * drawnCandidates + column] = scales[list.wanted] * list.similar[place]!;
        right[row * drawnCandidates + column] = list.right[place] ? 1 : 0;
        return pairOf(list, list.candidates[place]!);
      });
    });
    yield { pairs, contrast, right };
  }
}

await main().catch((error: unknown) => {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
});
