/**
 * What a source knows of an image, in the names that img2dataset, DataComp, LAION, COCO and lait's own shards use, as our columns; what
 * has no column of ours keeps its name. Everything here is from outside.
 */
import { type SourcedText, textSources } from '../pair.ts';
import { type ExtraValue, extraValue, isExtraName, maxExtraColumns } from '../shards/extra-columns.ts';
import { columnOfRight, columnOfScore } from '../shards/measured-names.ts';
import type { ShardRow } from '../shards/parquet.ts';

export type SourceRecord = Readonly<Record<string, unknown>>;

/** Columns of ours that a source may fill. */
export type KnownColumns = Partial<
  Pick<
    ShardRow,
    | 'uid'
    | 'found_text'
    | 'source'
    | 'page_url'
    | 'page_title'
    | 'phash'
    | 'license_url'
    | 'gone'
    | 'download_url'
    | 'fetched_at'
    | 'http_etag'
    | 'last_modified'
    | 'damaged'
    | 'original_width'
    | 'original_height'
    | 'sha256'
  >
>;

export interface ReadRecord {
  readonly url: string;
  readonly texts: readonly string[];
  readonly split: string | null;
  readonly known: KnownColumns;
  /** The original's tags, JSON. */
  readonly exif: string | null;
  readonly extra: Readonly<Record<string, ExtraValue>>;
}

/** Best first: lists before single captions. */
export const textNames = ['texts', 'captions', 'caption', 'sentences', 'text', 'TEXT', 'alt_text', 'alt', 'raw'];
const urlNames = ['url', 'URL', 'image_url', 'coco_url'];

/** Of the row in the shard, made anew. */
const notKept = new Set([
  'key',
  '__key__',
  'status',
  'error_message',
  'width',
  'height',
  'image_sha256',
  'text',
  'texts',
  'split',
]);

/** Longer values of a source's own columns are left out: a table of such is no table. */
const maxValueLength = 1 << 20;

const strings = [
  'uid',
  'found_text',
  'page_url',
  'page_title',
  'license_url',
  'download_url',
  'gone',
  'http_etag',
  'last_modified',
] as const;

/** `textColumn` is the one that has the captions; without it the first of `textNames` that says something. */
export function readRecord(record: SourceRecord, textColumn?: string): ReadRecord {
  const used = new Set<string>();
  const textName = textColumn ?? textNames.find((name) => textsOf(record[name]).length > 0);
  if (textName !== undefined) used.add(textName);
  const urlName = urlNames.find((name) => isText(record[name]));
  if (urlName !== undefined) used.add(urlName);
  const known: Record<string, unknown> = {};
  const take = (column: keyof KnownColumns | 'exif', value: unknown, name: string = column) => {
    used.add(name);
    if (value !== undefined) known[column] = value;
  };
  for (const name of strings) if (isText(record[name])) take(name, record[name]);
  take('exif', jsonText(record.exif));
  if (isPlainObjectText(record.license) && known.license_url === undefined) known.license_url = record.license;
  if (matches(record.sha256, /^[0-9a-f]{64}$/)) take('sha256', record.sha256);
  if (matches(record.phash, /^[0-9a-f]{16}$/)) take('phash', record.phash);
  if (typeof record.damaged === 'boolean') take('damaged', record.damaged);
  if ((textSources as readonly unknown[]).includes(record.source))
    take('source', record.source as SourcedText['source']);
  const fetched = record.fetched_at instanceof Date ? record.fetched_at.toISOString() : record.fetched_at;
  if (isText(fetched)) take('fetched_at', fetched);
  for (const [column, other] of [
    ['original_width', 'WIDTH'],
    ['original_height', 'HEIGHT'],
  ] as const) {
    for (const name of [column, other]) {
      const side = Number(record[name]);
      if (isSide(record[name]) && known[column] === undefined) take(column, side, name);
    }
  }
  const { exif, ...columns } = known;
  for (const name of ['scores', 'rights']) if (jsonObject(record[name]) !== null) used.add(name);
  const extra = { ...olderColumns(record), ...extraOf(record, used) };
  // `source` is our word for where on a page a text was.
  if (isText(record.source) && known.source === undefined) extra.source_name = record.source;
  return {
    url: urlName === undefined ? '' : (record[urlName] as string),
    texts: textName === undefined ? [] : textsOf(record[textName]),
    split: isText(record.split) ? record.split : null,
    known: columns as KnownColumns,
    exif: exif === undefined ? null : withoutPlaces(exif as string),
    extra,
  };
}

function extraOf(record: SourceRecord, used: ReadonlySet<string>): Record<string, ExtraValue> {
  const extra: [string, ExtraValue][] = [];
  for (const [name, found] of Object.entries(record)) {
    if (extra.length === maxExtraColumns) break;
    if (used.has(name) || notKept.has(name) || !isExtraName(name)) continue;
    const value = extraValue(found);
    if (value === undefined || (typeof value === 'string' && value.length > maxValueLength)) continue;
    extra.push([name, value]);
  }
  return Object.fromEntries(extra);
}

/** `scores` and `rights` of an older lait, one JSON object each, as the columns that they are now. */
function olderColumns(record: SourceRecord): Record<string, ExtraValue> {
  const columns: [string, ExtraValue][] = [];
  for (const [name, score] of Object.entries(jsonObject(record.scores) ?? {})) {
    if (typeof score === 'number') columns.push([columnOfScore(name, false), score]);
  }
  for (const [of, signals] of Object.entries(jsonObject(record.rights) ?? {})) {
    for (const [signal, value] of Object.entries(jsonObject(signals) ?? {})) {
      if (typeof value === 'string') columns.push([columnOfRight(`${of} ${signal}`), value]);
    }
  }
  return Object.fromEntries(columns.slice(0, maxExtraColumns).filter(([name]) => isExtraName(name)));
}

function jsonObject(value: unknown): SourceRecord | null {
  let found = value;
  if (typeof value === 'string' && value.length <= maxValueLength) {
    try {
      found = JSON.parse(value);
    } catch {
      return null;
    }
  }
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as SourceRecord) : null;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const matches = (value: unknown, form: RegExp): value is string => typeof value === 'string' && form.test(value);
const isPlainObjectText = (value: unknown): value is string => matches(value, /^https?:\/\/\S+$/);
const isSide = (value: unknown): boolean =>
  (typeof value === 'number' || typeof value === 'bigint') &&
  Number.isInteger(Number(value)) &&
  value > 0 &&
  value < 2 ** 31;

/** A column of ours that holds JSON: text as it is, an object as text, nothing for '' and null. */
function jsonText(value: unknown): string | undefined {
  if (isText(value)) return value;
  const text = typeof value === 'object' && value !== null ? extraValue(value) : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** A caption, a list of them, a list of objects that have one, or any of these as JSON text. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') {
    const listed = /^\s*\[/.test(value) ? listIn(value) : null;
    return listed ?? (value.trim() === '' ? [] : [value]);
  }
  if (value instanceof Uint8Array) return textsOf(Buffer.from(value).toString('utf8'));
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null || Array.isArray(one))
      return Array.isArray(one) ? one.filter(isText) : isText(one) ? [one] : [];
    const { raw, caption, text, sentence, tokens } = one as SourceRecord;
    const found = [raw, caption, text, sentence].find(isText);
    return found !== undefined ? [found] : Array.isArray(tokens) && tokens.every(isText) ? [tokens.join(' ')] : [];
  });
}

/** The texts of a JSON list; null when it is no list of texts, such as a caption in brackets. */
function listIn(text: string): string[] | null {
  if (text.length > 1 << 20) return null;
  try {
    const value: unknown = JSON.parse(text);
    const isList = Array.isArray(value) && value.every((one) => typeof one === 'string');
    return isList ? value.filter(isText) : null;
  } catch {
    return null;
  }
}

/** Tags that name a place, and those that fill space, stay out, as they do of pictures of our own. */
function withoutPlaces(exif: string): string | null {
  try {
    const tags: unknown = JSON.parse(exif);
    if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return null;
    const kept = Object.entries(tags).filter(([name]) => !/GPS|MakerNote|UserComment/i.test(name));
    return kept.length === 0 ? null : JSON.stringify(Object.fromEntries(kept));
  } catch {
    return null;
  }
}
