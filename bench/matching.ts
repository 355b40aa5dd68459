/**
 * What a cross-encoder adds to contrast where it begins at contrast's own order: a pair's logit is that of contrast, without hubs and frozen,
 * plus that of the cross-encoder, whose last layer starts at 0. It learns from the first 16 of contrast where the right one is among them,
 * as they are when held-out pairs are ranked. It starts from the encoder of a run, is stopped by lists of the validation split, and ranks the
 * test split once.
 *
 *     node --import tsx bench/matching.ts CORPUS --run NAME [--name TRY] [--layers 3] [--pooling first|mean] [--steps 400] [--test]
 *
 * What it has made is kept in CORPUS/matching, so that a bench that was stopped goes on.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { random } from '../dataset/random.ts';
import { readSafetensors, writeSafetensors } from '../model/formats/safetensors.ts';
import { type Dropout, noDropout } from '../model/net/dropout.ts';
import { parameterSpecs } from '../model/net/parameters.ts';
import { cosinesOf, cosinesWithoutHubs } from '../model/ranking/hubs.ts';
import { type Tensor, tf } from '../model/runtime/backend.ts';
import { openExecutable } from '../model/runtime/executable.ts';
import { adamW, ratesAt } from '../model/runtime/optimizer.ts';
import { frozenOf } from '../model/runtime/parameter.ts';
import type { Arrays, Inputs, Parameters } from '../model/runtime/traced-function.ts';
import { readCheckpoint } from '../model/train/checkpoint.ts';
import { readHubBank } from '../model/train/hub-bank.ts';
import { learningRate } from '../model/train/schedule.ts';
import { trainFunction } from '../model/train/step.ts';
import {
  bestListScale,
  embedded,
  type List,
  listLoss,
  listsOf,
  type OwnedSet,
  readSet,
  trainingLists,
} from './contrast-lists.ts';
import { type AloneStates, aloneStates, jointArrays, jointLogits } from './joint-layers.ts';
import { gainOnLists, stepsTold, weightByLists } from './reranked-lists.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    run: { type: 'string', default: 'pretrain' },
    name: { type: 'string', default: 'first' },
    layers: { type: 'string', default: '3' },
    pooling: { type: 'string', default: 'mean' },
    steps: { type: 'string', default: '400' },
    lists: { type: 'string', default: '16' },
    candidates: { type: 'string', default: '8' },
    'learning-rate': { type: 'string', default: '5e-4' },
    'encoder-rate': { type: 'string', default: '0.2' },
    regions: { type: 'string', default: '16' },
    images: { type: 'string' },
    'measure-every': { type: 'string', default: '50' },
    'measured-lists': { type: 'string', default: '320' },
    'test-candidates': { type: 'string', default: '16' },
    test: { type: 'boolean', default: false },
  },
});
const corpus = positionals[0]!;
const joint = { layers: Number(flags.layers), pooling: flags.pooling as 'first' | 'mean' };
const steps = Number(flags.steps);
const listsOfBatch = Number(flags.lists);
const drawnCandidates = Number(flags.candidates);
const pairsOfBatch = listsOfBatch * drawnCandidates;
const first = 16;
const seed = 0;

// ---- The run, its data, and the lists of its contrast ---------------------------------------------------------------------------
const checkpoint = readCheckpoint(join(corpus, 'runs', flags.run));
const { config } = checkpoint;
const bank = readHubBank(checkpoint.dir)!;
const kept = join(corpus, 'matching', `${flags.run}-${checkpoint.state.step}`);
mkdirSync(kept, { recursive: true });

const setOf = (split: string, maxImages?: number) => readSet(corpus, split, checkpoint, maxImages);
function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
}
const percents = (all: readonly number[]): string => all.map((one) => (100 * one).toFixed(1)).join('/');
const held = (all: readonly List[]): List[] => all.filter(({ right }) => right.some((one) => one));

const training = await setOf('train', flags.images === undefined ? undefined : Number(flags.images));
const validation = await setOf('validation');
say(`${training.images.length} training images, ${training.owner.length} texts`);
const trainingEmbedded = embedded(checkpoint, training, join(kept, 'train.bin'), true);
const validationEmbedded = embedded(checkpoint, validation, join(kept, 'validation.bin'), false);
say('embedded');
const listsFile = join(kept, 'lists.json');
if (!existsSync(listsFile)) {
  const table = cosinesWithoutHubs(validationEmbedded.images, validationEmbedded.texts, bank);
  const found = {
    ...trainingLists(training, trainingEmbedded, bank, first),
    validation: listsOf(table, validation.owner, first),
  };
  writeFileSync(listsFile, JSON.stringify(found));
}
const {
  lists,
  counts,
  validation: ofValidation,
} = JSON.parse(readFileSync(listsFile, 'utf8')) as ReturnType<typeof trainingLists> & { validation: List[] };
const shareOf = (wanted: List['wanted'], is: (list: List) => boolean): number => {
  const own = ofValidation.filter((list) => list.wanted === wanted);
  return own.filter(is).length / own.length;
};
say(
  `training lists: right one first ${percents([counts.imageFirst / counts.texts, counts.textFirst / counts.images])}, among ${first} ` +
    `${percents([counts.image / counts.texts, counts.text / counts.images])}; validation: ` +
    `${percents((['image', 'text'] as const).map((wanted) => shareOf(wanted, ({ right }) => right[0]!)))}, ` +
    `${percents((['image', 'text'] as const).map((wanted) => shareOf(wanted, ({ right }) => right.some((one) => one))))}`,
);
const scales = {} as Record<List['wanted'], number>;
for (const wanted of ['image', 'text'] as const) {
  const own = lists.filter((list) => list.wanted === wanted);
  const ofTraining = bestListScale(own);
  scales[wanted] = ofTraining.scale;
  const other = held(ofValidation).filter((list) => list.wanted === wanted);
  const lossOf = other.reduce((sum, list) => sum + listLoss(list, list.similar.map((one) => one * ofTraining.scale)), 0) / other.length; // biome-ignore format: one line
  const ofOther = bestListScale(other);
  say(
    `${wanted}: ${own.length} lists, scale ${ofTraining.scale.toFixed(1)}, loss ${ofTraining.loss.toFixed(4)}; validation ${lossOf.toFixed(4)}, ` +
      `at its own scale of ${ofOther.scale.toFixed(1)} ${ofOther.loss.toFixed(4)}`,
  );
}

// ---- The cross-encoder ----------------------------------------------------------------------------------------------------------
const newRate = (name: string) => name.startsWith('cls.itm') || name.startsWith('bert.pooler');
const lowest = config.layers - joint.layers;
const isLearned = (name: string) =>
  newRate(name) || Number(/^bert\.encoder\.layer\.(\d+)\./.exec(name)?.[1] ?? -1) >= lowest;
const parameters = parameterSpecs(config)
  .filter(({ name }) => isLearned(name))
  .map((spec) => ({ ...spec, rate: newRate(spec.name) ? 1 : Number(flags['encoder-rate']) }));
const match = (inputs: Inputs, of: Parameters, drop: Dropout): Tensor =>
  jointLogits(checkpoint, joint, { inputs, parameters: of, drop });
const executable = openExecutable({
  parameters,
  functions: {
    train: trainFunction(
      {
        weights: { itm: 1 },
        objectives: (inputs, of, drop) => {
          const logits = tf.add(tf.reshape(match(inputs, of, drop), [listsOfBatch, drawnCandidates]), inputs.contrast!);
          const rightOnes = tf.add(logits, tf.mul(tf.sub(1, inputs.right!), -1e9));
          const loss = tf.mean(tf.sub(tf.logSumExp(logits, 1), tf.logSumExp(rightOnes, 1)));
          return { itm: { loss: loss as never } };
        },
      },
      { dropout: config.dropout, optimizer: adamW, frozen: frozenOf(parameters) },
    ),
    match: (inputs, of) => ({ outputs: { logits: match(inputs, of, noDropout) } }),
  },
  optimizer: adamW,
  precision: 'bf16',
});

const statesOf = (set: OwnedSet) =>
  aloneStates(checkpoint, set, { layers: joint.layers, maxRegions: Number(flags.regions) });
const [trainingStates, validationStates] = [statesOf(training), statesOf(validation)];
say(`the lower ${lowest} layers have read`);
const pairOf = ({ wanted, query }: List, candidate: number): readonly [number, number] =>
  wanted === 'image' ? [candidate, query] : [query, candidate];

/** Batches of lists of one direction; texts that ask are of similar length. */
function* batches(): Generator<Arrays> {
  const draw = random(seed, 0x115);
  const windows = (wanted: List['wanted']) => {
    let left: List[] = [];
    let ready: List[][] = [];
    return () => {
      if (ready.length === 0) {
        if (left.length < 16 * listsOfBatch) left = draw.shuffle(lists.filter((list) => list.wanted === wanted));
        const some = left.splice(0, 16 * listsOfBatch);
        if (wanted === 'image')
          some.sort((one, other) => training.texts[one.query]!.length - training.texts[other.query]!.length);
        ready = draw.shuffle(
          Array.from({ length: Math.floor(some.length / listsOfBatch) }, (_, at) =>
            some.slice(at * listsOfBatch, (at + 1) * listsOfBatch),
          ),
        );
      }
      return ready.pop()!;
    };
  };
  const [ofTexts, ofImages] = [windows('image'), windows('text')];
  for (let step = 0; ; step++) {
    const contrast = new Float32Array(pairsOfBatch);
    const right = new Float32Array(pairsOfBatch);
    const pairs = (step % 2 === 0 ? ofTexts() : ofImages()).flatMap((list, row) => {
      const places = Array.from({ length: list.candidates.length }, (_, place) => place);
      const one = draw.shuffle(places.filter((place) => list.right[place]))[0]!;
      const others = draw.shuffle(places.filter((place) => place !== one)).slice(0, drawnCandidates - 1);
      return [one, ...others].map((place, column) => {
        contrast[row * drawnCandidates + column] = scales[list.wanted] * list.similar[place]!;
        right[row * drawnCandidates + column] = list.right[place] ? 1 : 0;
        return pairOf(list, list.candidates[place]!);
      });
    });
    const shape = [listsOfBatch, drawnCandidates];
    yield {
      ...jointArrays(trainingStates, pairs),
      contrast: { shape, values: contrast },
      right: { shape, values: right },
    };
  }
}

/** Logits of all candidates of lists. */
function logitsOf(set: OwnedSet, states: AloneStates, asked: readonly List[]): number[][] {
  const found = new Map<string, number>();
  for (const list of asked) for (const one of list.candidates) found.set(pairOf(list, one).join(' '), 0);
  const pairs = [...found.keys()].map((key) => key.split(' ').map(Number) as unknown as readonly [number, number]);
  pairs.sort(([, one], [, other]) => set.texts[one]!.length - set.texts[other]!.length || one - other);
  for (let at = 0; at < pairs.length; at += pairsOfBatch) {
    const some = Array.from({ length: pairsOfBatch }, (_, row) => pairs[at + row] ?? pairs[at]!);
    const logits = executable.run('match', jointArrays(states, some)).logits!;
    some.forEach((pair, row) => {
      found.set(pair.join(' '), logits[row]!);
    });
  }
  return asked.map((list) => list.candidates.map((one) => found.get(pairOf(list, one).join(' '))!));
}

/** Held-out lists by which it is stopped. */
const drawn = (['image', 'text'] as const).flatMap((wanted) =>
  random(seed, 0x4a1)
    .shuffle(held(ofValidation).filter((list) => list.wanted === wanted))
    .slice(0, Number(flags['measured-lists'])),
);

// ---- Training -------------------------------------------------------------------------------------------------------------------
const stateFile = join(kept, `${flags.name}.json`);
const [lastFile, bestFile] = ['last', 'best'].map((which) => join(kept, `${flags.name}-${which}.safetensors`));
const state = existsSync(stateFile)
  ? (JSON.parse(readFileSync(stateFile, 'utf8')) as { step: number; best: number; bestStep: number })
  : { step: 0, best: 0, bestStep: 0 };
const floatsIn = (file: string) =>
  new Map([...readSafetensors(file).tensors].map(([name, { values }]) => [name, values]));
const keep = (file: string) =>
  writeSafetensors(
    file,
    new Map([...executable.values()].map(([name, values]) => [name, { shape: [values.length], values }])),
  );
const values = new Map(checkpoint.values);
for (const name of ['cls.itm.weight', 'cls.itm.bias']) values.set(name, new Float32Array(values.get(name)!.length));
const own = new Set(parameters.map(({ name }) => name));
executable.load(new Map([...values].filter(([name]) => own.has(name))));
if (state.step > 0) executable.load(floatsIn(lastFile!));
const schedule = {
  peak: Number(flags['learning-rate']),
  warmupSteps: Math.round(steps / 10),
  totalSteps: steps,
  decay: 'linear',
} as const;
const coming = batches();
for (let skipped = 0; skipped < state.step; skipped++) coming.next();
let losses: number[] = [];
while (state.step < steps) {
  const arrays = coming.next().value as Arrays;
  const inputs = { ...arrays, seed: { shape: [2], values: Int32Array.of(seed, state.step * 4096) } };
  const { loss } = executable.run('train', inputs, ratesAt(adamW, state.step, learningRate(state.step, schedule)));
  losses.push(loss![0]!);
  state.step += 1;
  if (state.step % 10 === 0) {
    say(`step ${state.step}, loss ${(losses.reduce((sum, one) => sum + one, 0) / losses.length).toFixed(4)}`);
    losses = [];
  }
  if (state.step % Number(flags['measure-every']) !== 0 && state.step !== steps) continue;
  const { loss: now, told } = gainOnLists(drawn, logitsOf(validation, validationStates, drawn), scales);
  say(`step ${state.step}, held-out lists: ${told}`);
  if (now < state.best) {
    Object.assign(state, { best: now, bestStep: state.step });
    keep(bestFile!);
  }
  keep(lastFile!);
  writeFileSync(stateFile, JSON.stringify(state));
}
say(`best at step ${state.bestStep}: ${state.best.toFixed(4)}`);

// ---- The test, once -------------------------------------------------------------------------------------------------------------
if (flags.test && state.bestStep > 0) {
  executable.load(floatsIn(bestFile!));
  const weight = weightByLists(drawn, logitsOf(validation, validationStates, drawn), scales);
  const test = await setOf('test');
  const { owner } = test;
  const { images, texts } = embedded(checkpoint, test, join(kept, 'test.bin'), false);
  const [plain, without] = [cosinesOf(images, texts), cosinesWithoutHubs(images, texts, bank)];
  const asked = listsOf(without, owner, Number(flags['test-candidates']));
  const logits = logitsOf(test, statesOf(test), asked);
  const told = stepsTold({ plain, without, owner, lists: asked, logits }, scales, [weight, 1]);
  for (const line of told) say(line);
  writeFileSync(join(kept, `${flags.name}-test.txt`), `${told.join('\n')}\n`);
}
executable.dispose();
