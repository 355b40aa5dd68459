/** `lait evaluate`: image and text retrieval on held-out pairs, beside a linear map, chance and, where the protocol is one of the paper's, its rows. */
import { join, resolve } from 'node:path';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { within } from '../dataset/blobs/place.ts';
import { makeFolder } from '../dataset/make-folder.ts';
import { readSetIdentity } from '../dataset/shards/set-identity.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { UserError } from '../dataset/user-error.ts';
import { readExamples } from '../model/data/example.ts';
import { tokenizerOfModel } from '../model/data/tokenizer.ts';
import { hubScheme } from '../model/formats/hub.ts';
import type { Gain } from '../model/ranking/gain.ts';
import type { Recalls } from '../model/ranking/recall.ts';
import type { Step } from '../model/ranking/steps.ts';
import { columnsIdentity, readColumnsManifest } from '../model/regions/columns.ts';
import { requireFeatures } from '../model/regions/missing.ts';
import {
  type EvaluateOptions,
  evaluateRetrieval,
  methodOf,
  type RetrievalResult,
} from '../model/retrieval/evaluate.ts';
import { paperRows } from '../model/retrieval/paper-results.ts';
import { type Checkpoint, weightsName } from '../model/train/checkpoint.ts';
import { checkDetectorModel, type DataIdentity, dataIdentity, weightsSha256 } from '../model/train/made-from.ts';
import type { EvaluateFlags } from './call-flags.ts';
import { type CommandContext, type Nothing, requirePlace, requireRegions, sayWaiting } from './command.ts';
import { dataPlace, regionsOf } from './data-place.ts';
import { firstImages } from './first-images.ts';
import { linearMapInputs } from './linear-map.ts';
import { startProgress } from './progress.ts';
import { openCheckpoint, runDir, trainedDir } from './runs.ts';
import { SkippedSamples } from './skipped-samples.ts';
import { count, percent, table } from './table.ts';
import { tell } from './tell.ts';

export async function evaluate({
  corpusDir,
  config,
  settings,
  given,
  flags,
  signal,
  print,
}: CommandContext<'evaluate', EvaluateFlags>): Promise<void> {
  const {
    run,
    checkpoint: which,
    split,
    images: maxImages,
    method,
    folds,
    candidates,
    precision,
    linearMap: mapTo,
    ...rest
  } = settings;
  const { shards: shardsFlag, ...others } = flags;
  rest satisfies Nothing;
  others satisfies Nothing;
  const place = dataPlace(corpusDir, shardsFlag);
  const shards = within(place.shards, split);
  await settleInTurn(place.shards, { signal, onWait: sayWaiting });
  await requirePlace(shards, 'shards', 'run `lait export` first, or name a split that is there');
  const dir = await trainedDir(corpusDir, run, signal);
  const checkpoint = openCheckpoint(dir, which);
  if (given.candidates !== undefined) checkReranks(checkpoint, method);
  const regions = regionsOf(place, config.regions);
  await requireRegions(regions);
  const columns = await readColumnsManifest(regions);
  const { name: detector } = columns;
  checkDetectorModel(checkpoint, columns.model);
  await requireFeatures(shards, regions, signal);
  const { maxPieces, maxRegions } = checkpoint.config;
  const tokenizer = tokenizerOfModel(checkpoint);
  const skipped = new SkippedSamples();
  const reading = { shards, regions, tokenizer, maxPieces, maxRegions, onBad: skipped.add, signal };
  const { examples } = await firstImages(readExamples(reading), { maxImages, together: false });
  const linearMap =
    mapTo === 'off' || split === 'train'
      ? undefined
      : await linearMapInputs(within(place.shards, 'train'), mapTo, reading);
  if (linearMap)
    tell(`${count(linearMap.training.length)} training images read; a linear map is fitted to them at the end`);
  const progress = startProgress('Evaluating');
  // What lies in the cache is not the corpus' own.
  const own = run.startsWith(hubScheme) ? runDir(corpusDir, run.slice(hubScheme.length).replaceAll('/', '--')) : dir;
  const folder = join(own, 'evaluation');
  makeFolder(folder);
  try {
    const result = await evaluateRetrieval(
      {
        ...{ checkpoint: checkpoint.dir, examples, detector, method, folds, candidates, precision, logFolder: folder },
        ...(linearMap && { linearMap }),
      },
      {
        signal,
        onProgress: ({ what, done, total, perSecond }) =>
          progress.update({ done, total, detail: `${workWords[what]}, ${count(Math.round(perSecond))}/s` }),
      },
    );
    progress.stop();
    for (const line of skipped.lines()) tell(line);
    const {
      shards: _,
      share: __,
      ...data
    } = dataIdentity({ corpus: place.dir, split, share: 1 }, await readSetIdentity(shards), columnsIdentity(columns));
    // Other data than the corpus' own has results of its own.
    const isOwn = resolve(place.shards) === resolve(dataPlace(corpusDir).shards);
    const file = join(
      folder,
      `${split}-${result.method}${folds === 1 ? '' : `-${folds}-folds`}${isOwn ? '' : `-${data.sha256.slice(0, 12)}`}.json`,
    );
    const weights = weightsSha256(join(checkpoint.dir, weightsName));
    const whole = { split, data, weights, ...result, published: paperRows(result) };
    writeFileAtomic(file, `${JSON.stringify(whole, null, 2)}\n`);
    // As it says itself: one from the hub has no run beside it.
    const isBest = checkpoint.state.best?.step === checkpoint.state.step;
    const chosen = isBest && split === 'validation' ? '\nthe checkpoint was chosen by pairs of this split: another split is the stricter judge' : ''; // biome-ignore format: one line
    print(whole, () => `${resultTable(result)}${chosen}\n${madeOf(data, weights)}\n${file}`);
  } finally {
    progress.stop();
  }
}

/** Throws a UserError where `--candidates` would be ignored, since the checkpoint has not learned both contrast and matching. */
export function checkReranks(
  checkpoint: Pick<Checkpoint, 'dir' | 'objectives'>,
  method: NonNullable<EvaluateOptions['method']>,
): void {
  const used = methodOf(checkpoint, method);
  if (used === 'rerank') return;
  throw new UserError(`--candidates has no effect on ${checkpoint.dir}, which ranks by ${used} alone; leave it out.`);
}

/** What the result is of, by content. */
const madeOf = (
  { split, version, sha256 }: Pick<DataIdentity, 'split' | 'version' | 'sha256'>,
  weights: string,
): string =>
  `${split}${version === null ? '' : ` of version ${version}`}, data ${sha256.slice(0, 12)}, weights ${weights.slice(0, 12)}`;

function describeRerank({ weights, fittedOn, why }: NonNullable<RetrievalResult['rerank']>): string {
  const told = `matching counts ${weights.map((one) => one.toFixed(2)).join(' and ')} times beside contrast`;
  if (fittedOn === 'held-out') return `${told}, as fitted on the run's held-out pairs`;
  const reasons = {
    none: 'the checkpoint has no weight of its own',
    'same-images': "the checkpoint's own was fitted on these pairs",
    'other-hubs': "the checkpoint's own was fitted before its hubs were taken off as they are now",
    unknown:
      'an earlier version fitted its own, on which images it does not say; the command that trained the run, given again, fits it anew',
  };
  return `${told}, fitted on each half of these images for the other: ${reasons[why ?? 'none']}`;
}

/** Why hubs are not taken off as the checkpoint has it, or their gain has no interval. */
const hubsReasons = {
  'same-images':
    "how much is taken off for hubs is fitted on each half of these images for the other: the checkpoint's own was fitted on these pairs",
  'in-bank': 'contrast without hubs: no interval, since the pairs that tell hubs are among these',
  unknown:
    'contrast without hubs: no interval, since the checkpoint does not say which pairs tell its hubs; the command that trained the run, given again, makes them anew',
} as const;

/** What is counted while it is made. */
const workWords = {
  embeddings: 'images and texts embedded',
  pairs: 'pairs scored',
} as const;

/** A step of retrieval as a row of the table names it. */
const stepWords = {
  contrast: 'contrast alone',
  hubs: 'contrast without hubs',
  matching: 're-ranked by matching',
} as const;

/** What a step adds to the one before it, in points of R@1; an interval that holds 0 is called none. */
function describeGain({ by, gain }: Step): string[] {
  if (!gain) return [];
  const points = ({ low, high }: Gain): string => {
    const between = `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}`;
    return low <= 0 && high >= 0 ? `none that is sure (${between})` : between;
  };
  const { imageRetrieval, textRetrieval } = gain;
  return [
    `${stepWords[by]}: gain in R@1 of images ${points(imageRetrieval)}, of texts ${points(textRetrieval)} points (95 %)`,
  ];
}

/** By which checkpoint and method, and what matching scored, where it did. */
export const workLine = ({
  checkpoint,
  method,
  pairsScored,
  pairsPerSecond,
}: Pick<RetrievalResult, 'checkpoint' | 'method' | 'pairsScored' | 'pairsPerSecond'>): string =>
  [
    ...[checkpoint, method],
    ...(pairsScored > 0 ? [`${count(pairsScored)} pairs scored`] : []),
    ...(pairsPerSecond === null ? [] : [`${count(Math.round(pairsPerSecond))} pairs/s`]),
  ].join(', ');

function resultTable(result: RetrievalResult): string {
  const { images, texts, folds, chance, linearMap: map } = result;
  const row = (name: string, { r1, r5, r10 }: Recalls): string[] => [name, percent(r1), percent(r5), percent(r10)];
  const earlier = result.steps.slice(0, -1);
  const mapRows = (side: 'imageRetrieval' | 'textRetrieval') =>
    map
      ? [row(`  linear map to ${map.texts}`, map[side]), row('  linear map without hubs', map.withoutHubs[side])]
      : [];
  const parts = folds === 1 ? '' : `, mean of ${folds} folds`;
  const rows = paperRows(result).flatMap(({ data, training, imageRetrieval, textRetrieval }) => [
    row(`image for a text, ${data}, ${training}`, imageRetrieval),
    row(`text for an image, ${data}, ${training}`, textRetrieval),
  ]);
  return [
    table([
      [`${count(images)} images, ${count(texts)} texts${parts}`, 'R@1', 'R@5', 'R@10'],
      row('image for a text', result.imageRetrieval),
      ...earlier.map((step) => row(`  ${stepWords[step.by]}`, step.imageRetrieval)),
      ...mapRows('imageRetrieval'),
      row('  chance', chance.imageRetrieval),
      row('text for an image', result.textRetrieval),
      ...earlier.map((step) => row(`  ${stepWords[step.by]}`, step.textRetrieval)),
      ...mapRows('textRetrieval'),
      row('  chance', chance.textRetrieval),
      ...(rows.length > 0 ? [['ImageBERT as published, other data and training: for orientation only'], ...rows] : []),
    ]),
    ...result.steps.flatMap(describeGain),
    ...(result.hubs?.why ? [hubsReasons[result.hubs.why]] : []),
    ...(result.rerank ? [describeRerank(result.rerank)] : []),
    ...(map ? [`the linear map is fitted to ${count(map.trainingImages)} training images of this corpus`] : []),
    workLine(result),
  ].join('\n');
}
