/** One sample of any source: its shape, what is refused of it and why, and how the shard writer takes it. */
import { createHash } from 'node:crypto';
import { decodeImage } from '../image/decode.ts';
import type { TakenDown } from '../ledger/tombstones.ts';
import { pairId } from '../pair.ts';
import type { ExtraValue } from '../shards/extra-columns.ts';
import type { ShardItem } from '../shards/writer.ts';
import type { KnownColumns } from './record.ts';

/** One image with its captions, in the order of its source. */
export interface ImportedSample {
  /** Its name in the source: a file, a key. */
  readonly name: string;
  /** As the source names it. */
  readonly split: string;
  readonly url: string;
  /** The bytes, null when the image is not there. */
  readonly image: Buffer | null;
  /** Several captions of one image are one sample; `KEY.txt` has the first. */
  readonly texts: readonly string[];
  /** Why it has no place in the shards, where the source says so. */
  readonly fault?: string;
  /** What the source knows of it in our columns, and in its own. */
  readonly known?: KnownColumns;
  readonly extra?: Readonly<Record<string, ExtraValue>>;
  readonly exif?: string | null;
}

/** A source's samples, read once and in order. */
export type ImportedSamples = AsyncIterable<ImportedSample> | Iterable<ImportedSample>;

/** Counts what has no place in the shards, by reason. */
export type Fail = (reason: string, count?: number) => void;

/** A caption of a book's length is none. */
const maxTextLength = 1 << 20;
const maxTexts = 1000;

/** Which samples are wanted. */
export interface SampleChoice {
  /** Only samples with one of these ids. */
  readonly subset?: ReadonlySet<string>;
  /** Leaves out what was taken down; see `takenDownOf`. */
  readonly takenDown?: TakenDown;
}

/** A sample as the shard writer takes it. Null for one that was not asked for, or was taken down: of these no row tells. */
export async function wellFormed(
  { name, url, image, texts: found, fault, known = {}, extra = {}, exif }: ImportedSample,
  { subset, takenDown }: SampleChoice,
  fail: Fail,
): Promise<ShardItem | null> {
  const texts = found
    .filter((text) => text.length <= maxTextLength)
    .map((text) => text.replace(/\s+/g, ' ').trim())
    .filter((text) => text !== '');
  const caption = texts[0] ?? '';
  const id = known.uid ?? pairId(url || name, caption);
  const reason = fault ?? reasonOf(image, texts, found);
  if (subset !== undefined && !subset.has(id)) {
    fail('not-in-subset');
    return null;
  }
  const sha256 = image === null ? null : createHash('sha256').update(image).digest('hex');
  const decoded = image !== null && takenDown?.byLooks ? await decodeImage(image) : null;
  if (takenDown !== undefined && isRefused(takenDown, { url, image, sha256, decoded, known })) {
    fail('taken-down');
    return null;
  }
  return {
    // All columns in one order, whatever the source knows: the order is that of the JSON member.
    row: {
      url,
      caption,
      original_width: null,
      original_height: null,
      sha256,
      uid: id,
      text: caption,
      found_text: caption,
      source: 'list',
      page_url: '',
      page_title: '',
      phash: null,
      license_url: null,
      gone: null,
      download_url: url,
      fetched_at: null,
      http_etag: null,
      last_modified: null,
      damaged: null,
      ...known,
    },
    image: reason === null && image !== null ? () => image : null,
    failure: reason === null ? null : { status: 'failed_to_download', reason },
    fetchedAtMs: null,
    more: { texts, ...extra },
    ...(sha256 === null ? {} : { bytesSha256: sha256 }),
    ...(decoded === null ? {} : { decoded }),
    ...(exif ? { exif } : {}),
  };
}

/** Whether a takedown speaks of a sample: of its address, its page, its bytes, its looks, or the original's as the source tells them. */
function isRefused(
  { isTakenDown }: TakenDown,
  {
    url,
    image,
    sha256,
    decoded,
    known,
  }: {
    readonly url: string;
    readonly image: Buffer | null;
    readonly sha256: string | null;
    readonly decoded: Awaited<ReturnType<typeof decodeImage>> | null;
    readonly known: KnownColumns;
  },
): boolean {
  const phash = decoded !== null && 'phash' in decoded ? decoded.phash : null;
  const md5 = () => createHash('md5').update(image!).digest('hex');
  return (
    [url, known.page_url, known.download_url].some((one) => one && isTakenDown({ url: one })) ||
    [sha256, known.sha256].some((one) => one && isTakenDown({ sha256: one })) ||
    [phash, known.phash].some((one) => one && isTakenDown({ phash: one })) ||
    (image !== null && isTakenDown({ md5 }))
  );
}

function reasonOf(image: Buffer | null, texts: readonly string[], found: readonly string[]): string | null {
  if (texts.length === 0) return found.some((text) => text.length > maxTextLength) ? 'text-too-long' : 'no-text';
  if (texts.length > maxTexts) return 'too-many-texts';
  if (image === null) return 'missing-image';
  return image.length === 0 ? 'empty-image' : null;
}
