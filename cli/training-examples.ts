/** The examples that pretraining and fine-tuning read: the training splits of one corpus or several, and held-out ones to watch. */
import { isThere } from '../dataset/blobs/open.ts';
import { within } from '../dataset/blobs/place.ts';
import { runTexts } from '../dataset/export/takedown-texts.ts';
import { readSetIdentity } from '../dataset/shards/set-identity.ts';
import { type Example, readExamples, type ToldPicture } from '../model/data/example.ts';
import { type ExampleSource, memorySource, mixedSource, shardSource } from '../model/data/source.ts';
import type { Tokenizer } from '../model/data/tokenizer.ts';
import { type ColumnsManifest, columnsIdentity, readColumnsManifest } from '../model/regions/columns.ts';
import { requireFeatures } from '../model/regions/missing.ts';
import { type DataIdentity, dataIdentity } from '../model/train/made-from.ts';
import { requirePlace, requireRegions } from './command.ts';
import type { Config } from './config.ts';
import { type DataPlace, regionsOf } from './data-place.ts';
import { firstImages } from './first-images.ts';
import { SkippedSamples } from './skipped-samples.ts';
import { count, percent } from './table.ts';

/** A split of so many samples or fewer is held in memory; a larger one streams from its shards. Ours. */
const maxSamplesInMemory = 20_000;
const validationImages = 512;

/** Says what the features of a corpus are. Throws a UserError where its shards or features are missing. */
export async function featuresOf(place: DataPlace, { regions }: Config): Promise<ColumnsManifest> {
  await requirePlace(within(place.shards, 'train'), 'shards', 'run `lait export` first');
  const features = regionsOf(place, regions);
  await requireRegions(features);
  return readColumnsManifest(features);
}

/** A corpus and how much of a mixture it is. */
export interface CorpusShare extends DataPlace {
  readonly share: number;
}

export interface TrainingExamples {
  readonly source: ExampleSource;
  readonly validation: readonly Example[];
  /** What it all is, by content. */
  readonly data: readonly DataIdentity[];
  /** Of the training split, or those that were counted before it was found to be large: an epoch has one pair of each. */
  readonly samples: number;
  /** For a person: how many there are. */
  readonly description: string;
  /** What cannot be used, as far as it was met. */
  readonly skipped: SkippedSamples;
}

interface ReadingOptions {
  readonly corpora: readonly CorpusShare[];
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  readonly maxPieces: number;
  readonly maxRegions: number;
  readonly seed: number;
  /** The run that reads them. */
  readonly run: string;
  /** Whether held-out pairs are measured here, and read: of several ranks, by the first one alone. */
  readonly isMeasured?: boolean;
  readonly signal: AbortSignal;
}

const splits = ['train', 'validation'];

/** What the examples of these corpora are, by content. Reads no shard that a manifest tells of. */
export async function identityOf(
  corpora: readonly CorpusShare[],
  { regions }: Config,
  signal: AbortSignal,
): Promise<DataIdentity[]> {
  const data: DataIdentity[] = [];
  for (const corpus of corpora) {
    for (const split of splits) {
      const folder = within(corpus.shards, split);
      if (!(await isThere(folder, signal))) continue;
      const columns = columnsIdentity(await readColumnsManifest(regionsOf(corpus, regions)));
      data.push(
        dataIdentity({ corpus: corpus.dir, split, share: corpus.share }, await readSetIdentity(folder), columns),
      );
    }
  }
  return data;
}

export async function trainingExamples(options: ReadingOptions): Promise<TrainingExamples> {
  const { corpora, config, seed, run, tokenizer, maxPieces, maxRegions, isMeasured = true, signal } = options;
  const skipped = new SkippedSamples();
  const parts: { source: ExampleSource; share: number }[] = [];
  const validation: Example[] = [];
  const descriptions: string[] = [];
  const otherIds = new Set<string>();
  let samples = 0;
  for (const corpus of corpora) {
    const { dir, share } = corpus;
    const of = (split: string) => ({
      shards: within(corpus.shards, split),
      regions: regionsOf(corpus, config.regions),
      ...{ tokenizer, maxPieces, maxRegions, signal },
      onBad: skipped.add,
    });
    for (const split of splits) {
      const folder = within(corpus.shards, split);
      if (!(await isThere(folder, signal))) continue;
      await requireFeatures(folder, of(split).regions, signal);
    }
    const onPicture = ({ sha256, earlierId }: ToldPicture): void => {
      if (earlierId !== sha256) otherIds.add(dir);
    };
    const train = await firstImages(readExamples({ ...of('train'), onPicture }), {
      maxImages: maxSamplesInMemory,
      together: true,
    });
    samples += train.samples;
    const source = train.complete
      ? memorySource(train.examples, seed)
      : shardSource({ ...of('train'), texts: runTexts(run) }, seed);
    parts.push({ source, share });
    descriptions.push(
      `${trainDescription(train, maxPieces)}${corpora.length > 1 ? ` of ${dir} (share ${share})` : ''}`,
    );
    if (isMeasured && (await isThere(within(corpus.shards, 'validation'), signal))) {
      const maxImages = Math.ceil(validationImages / corpora.length);
      const shuffled = readExamples({ ...of('validation'), shuffle: { seed: 0 } });
      validation.push(...(await firstImages(shuffled, { maxImages, together: true })).examples);
    }
  }
  return {
    source: parts.length === 1 ? parts[0]!.source : mixedSource(parts, seed),
    validation,
    data: (await identityOf(corpora, config, signal)).map((one) =>
      otherIds.has(one.corpus) ? { ...one, picturesBy: 'content' } : one,
    ),
    samples,
    description: [...descriptions, ...(isMeasured ? [`${count(validation.length)} held out`] : [])].join(', '),
    skipped,
  };
}

function trainDescription(
  { examples, images, complete }: Awaited<ReturnType<typeof firstImages>>,
  maxPieces: number,
): string {
  const texts = examples.length > images ? ` with ${count(examples.length)} texts` : '';
  const full = examples.filter(({ pieces }) => pieces.length >= maxPieces).length / Math.max(1, examples.length);
  const cut = full > 0 ? ` (${percent(full)} of the texts fill all ${maxPieces} word pieces, longer ones are cut)` : '';
  return `${complete ? '' : 'over '}${count(images)} training images${texts}${cut}`;
}
