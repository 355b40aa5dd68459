/**
 * WebDataset shards of anyone: the image under any usual ending, the caption in `.txt` or in the JSON member. A folder or file
 * named as a split gives its split, else the sample's own JSON does. Also reads our own shards, to write them anew with other options.
 */
import { basename } from 'node:path';
import { expandShardPaths } from '../shards/paths.ts';
import { type BadInput, imageFields, readShard, type ShardSample } from '../shards/reader.ts';
import { expected } from '../user-error.ts';
import type { ImportedSample } from './imported-sample.ts';
import { parseJson } from './lenient-json.ts';
import { type ReadRecord, readRecord, type SourceRecord } from './record.ts';
import { splitOfPath } from './splits.ts';

/** More than these of one shard are counted in one row. */
const maxFaultRows = 100_000;

const maxTextBytes = 1 << 20;

export interface WebDatasetOptions {
  readonly paths: string | readonly string[];
  readonly split?: string;
  readonly textColumn?: string;
  readonly onBad?: (bad: BadInput) => void;
}

export async function* readWebDataset(options: WebDatasetOptions): AsyncGenerator<ImportedSample> {
  const { textColumn } = options;
  let hasSamples = false;
  let hasColumn = false;
  for (const shard of await expandShardPaths(options.paths)) {
    for await (const { hasTextColumn, ...sample } of shardSamples(shard, options)) {
      hasSamples = true;
      hasColumn ||= hasTextColumn;
      yield sample;
    }
  }
  if (textColumn !== undefined && hasSamples && !hasColumn)
    throw expected(`samples with ${textColumn}`, 'textColumn', 'none', 'name a member, or a field of the JSON member');
}

type FoundSample = ImportedSample & { readonly hasTextColumn: boolean };

async function* shardSamples(shard: string, options: WebDatasetOptions): AsyncGenerator<FoundSample> {
  const splitOfShard = splitOfPath(shard);
  const faults = new Faults();
  const onBad = (bad: BadInput) => {
    faults.add(bad);
    options.onBad?.(bad);
  };
  const failed = (name: string, fault: string): FoundSample => ({
    hasTextColumn: false,
    name,
    split: options.split ?? splitOfShard,
    url: '',
    image: null,
    texts: [],
    fault,
  });
  for await (const sample of readShard(shard, { onBad })) {
    const read = sampleOf(sample, options.textColumn);
    // A broken member of a sample is why the sample is not whole; where it is whole all the same, nothing was left out.
    const broken = faults.take(sample.key);
    const split = options.split ?? read.split ?? splitOfShard;
    const fault = read.fault ?? (read.image === null || read.texts.length === 0 ? broken : undefined);
    const { furtherImages, fault: _, ...rest } = read;
    yield { ...rest, name: sample.key, split, ...(fault === undefined ? {} : { fault }) };
    for (let i = 0; i < furtherImages; i += 1) yield { ...failed(sample.key, 'further-image'), split };
  }
  for (const [name, fault] of faults.left()) yield failed(name, fault);
}

/** What was skipped in a shard, a sample once, sorted: chunks of a stream decide in which order it is told. */
class Faults {
  readonly #ofKey = new Map<string, string>();
  readonly #others: [name: string, fault: string][] = [];

  add({ key, reason }: BadInput): void {
    const name = basename(key);
    // macOS's own notes, and those of folders.
    if (reason === 'no-field' && (name.startsWith('.') || !name.includes('.'))) {
      if (!name.startsWith('.')) this.#others.push([key, reason]);
      return;
    }
    const stem = stemOf(key);
    if (stem === '' || reason === 'duplicate-field') {
      if (this.#others.at(-1)?.[0] !== `${stem}:${reason}` || stem === '')
        this.#others.push([`${stem}:${reason}`, reason]);
    } else if (this.#ofKey.size < maxFaultRows && !this.#ofKey.has(stem)) this.#ofKey.set(stem, reason);
    else if (!this.#ofKey.has(stem)) this.#others.push(['', reason]);
  }

  /** The fault of a member of this sample, which is no fault of its own any more. */
  take(key: string): string | undefined {
    const fault = this.#ofKey.get(key);
    this.#ofKey.delete(key);
    return fault;
  }

  left(): [name: string, fault: string][] {
    return [...this.#ofKey, ...this.#others].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1));
  }
}

/** A member's name up to the first dot of its last part: the key of its sample. */
const stemOf = (name: string): string => {
  const slash = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', slash);
  return dot < 0 ? name : name.slice(0, dot);
};

interface ReadSample extends Omit<ReadRecord, 'split'> {
  /** It has the texts that the user has named. */
  readonly hasTextColumn: boolean;
  readonly split: string | null;
  readonly image: Buffer | null;
  readonly fault?: string;
  readonly furtherImages: number;
}

const endings = [...imageFields, 'jfif', 'bmp', 'tif', 'tiff'];

/** `jpg`, or what ends so, as `input.jpg` does: webdataset's decoders look at the last ending. */
const endsAs = (field: string, ending: string): boolean => field === ending || field.endsWith(`.${ending}`);

function sampleOf({ fields }: ShardSample, textColumn: string | undefined): ReadSample {
  const names = Object.keys(fields);
  const fieldsAs = (of: readonly string[]): string[] => [
    ...of.filter((ending) => fields[ending] !== undefined),
    ...names.filter((name) => name.includes('.') && of.some((ending) => endsAs(name, ending))),
  ];
  const images = fieldsAs(endings);
  const [imageField] = images;
  // What the user names is meant, whatever text lies beside it.
  const textField = fieldsAs(textColumn === undefined ? ['txt', 'caption', 'text'] : [textColumn])[0];
  const jsonField = fieldsAs(['json'])[0];
  const parsed = jsonField === undefined ? { value: {} } : parseJson(fields[jsonField]!);
  const about = 'value' in parsed ? recordOf(parsed.value) : {};
  const read = readRecord(about, textColumn);
  const text = textField === undefined ? undefined : fields[textField]!;
  const isLong = text !== undefined && text.length > maxTextBytes;
  const texts = text === undefined || isLong ? read.texts : textsBoth(text.toString('utf8'), read.texts);
  const fault = 'fault' in parsed ? parsed.fault : isLong ? 'text-too-long' : undefined;
  return {
    ...read,
    texts,
    hasTextColumn: textColumn !== undefined && (textField !== undefined || about[textColumn] !== undefined),
    image: imageField === undefined ? null : fields[imageField]!,
    ...(fault === undefined ? {} : { fault }),
    furtherImages: Math.max(0, images.length - 1),
  };
}

/** A JSON member may be a list of captions. */
const recordOf = (value: unknown): SourceRecord => {
  if (Array.isArray(value)) return { captions: value };
  return typeof value === 'object' && value !== null ? (value as SourceRecord) : {};
};

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();

/**
 * The texts of a `.txt` beside those of the JSON. Lines are captions, unless the JSON says that it is one with line ends in it; a list in
 * the JSON that has them all is the better one.
 */
function textsBoth(text: string, listed: readonly string[]): readonly string[] {
  const whole = plain(text.replace(/^\ufeff/, ''));
  if (whole === '') return listed;
  if (listed.length > 1 && listed.some((one) => plain(one) === whole)) return listed;
  if (listed.length === 1 && plain(listed[0]!) === whole) return listed;
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r\n?|\n/)
    .map(plain)
    .filter((line) => line !== '');
  if (listed.length > 1 && lines.every((line) => listed.some((one) => plain(one) === line))) return listed;
  return lines;
}
