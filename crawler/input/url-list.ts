/**
 * Lists of image URLs with captions, as img2dataset takes them: txt, csv, tsv, jsonl (each also .gz) and parquet. A row is a
 * pair already, so pages are skipped: pairs go into the ledger, images into the queue, and the next crawl downloads them.
 */
import { createReadStream, existsSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { type Duplex, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { withCleanup } from '../../dataset/cleanup.ts';
import { makeDurable, refuseNewImage } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { expected } from '../../dataset/user-error.ts';
import { openFrontier } from '../frontier/open.ts';
import { lockCorpus } from '../frontier/run-lock.ts';
import { cleanText } from '../page/clean-text.ts';
import { priority } from '../policy/priority.ts';
import type { Reason } from '../policy/reasons.ts';
import { type Address, absoluteUrl, addressOf, isTooLong } from '../policy/url.ts';

export interface UrlListOptions {
  readonly corpusDir: string;
  readonly file: string;
  readonly urlColumn?: string;
  readonly captionColumn?: string;
}

export interface UrlListSummary {
  readonly rows: number;
  /** Rows that give no pair, by what they lack. */
  readonly unusable: Readonly<Record<Unusable, number>>;
  readonly queued: number;
}

type Unusable = 'no-url' | 'url-too-long' | 'no-caption';

type Row = Readonly<Record<string, unknown>>;

const batchRows = 5000;
const tooLong = 'url-too-long' satisfies Reason;

/** Reads a list into a corpus. Repeating it changes nothing. Throws a UserError for a file or column that is not there, and for a list without captions. */
export async function queueUrlList(
  { corpusDir, file, urlColumn = 'url', captionColumn = 'caption' }: UrlListOptions,
  {
    ledger,
    onProgress,
    signal,
  }: {
    readonly ledger: Ledger;
    readonly onProgress?: (rows: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<UrlListSummary> {
  if (!existsSync(file)) throw expected('a file', 'urls', file, 'give a txt, csv, tsv, jsonl or parquet list');
  const rows = readRows(file, urlColumn, captionColumn);
  return withCleanup(async (defer) => {
    defer(lockCorpus(corpusDir));
    const frontier = openFrontier(corpusDir, ledger);
    defer(() => frontier.close());
    makeDurable(ledger);
    // Pairs belong to a page: the list stands for it.
    const page = { url: `list:${basename(file)}`, status: 'fetched', title: basename(file) } as const;
    let count = 0;
    const unusable: Record<Unusable, number> = { 'no-url': 0, 'url-too-long': 0, 'no-caption': 0 };
    let queued = 0;
    let batch: (Address & { text: string })[] = [];
    const flush = (): void => {
      const images = batch.map(({ url, text }) => ({ url, texts: [{ source: 'list' as const, text }] }));
      ledger.recordPage({ ...page, fetchedAtMs: Date.now() }, images);
      queued += frontier.atomically(() =>
        frontier.add(
          batch.map(({ text: _, ...address }) => ({ ...address, kind: 'image', depth: 0, priority: priority.image })),
        ),
      );
      batch = [];
      onProgress?.(count);
    };
    for await (const row of rows) {
      if (signal?.aborted) break;
      if (count === 0 && !(urlColumn in row)) {
        throw expected(
          `a column ${urlColumn}`,
          'urls',
          Object.keys(row).join(', '),
          'name the column that has the URLs',
        );
      }
      count += 1;
      const request = typeof row[urlColumn] === 'string' ? absoluteUrl(row[urlColumn].trim()) : null;
      const address = request === null ? null : addressOf(request);
      const text = typeof row[captionColumn] === 'string' ? cleanText(row[captionColumn]) : '';
      if (address === null) unusable['no-url'] += 1;
      else if (text === '') unusable['no-caption'] += 1;
      else if (isTooLong(address.url)) {
        unusable[tooLong] += 1;
        refuseNewImage(ledger, address.url, tooLong, Date.now());
      } else batch.push({ ...address, text });
      if (batch.length >= batchRows) flush();
    }
    flush();
    if (count > 0 && unusable['no-caption'] === count) {
      throw expected(
        'captions beside the URLs',
        'urls',
        `${basename(file)}, where no row has one`,
        'name their column, or write them behind the URLs after a tab: a pair is an image and a text',
      );
    }
    return { rows: count, unusable, queued };
  });
}

/** The form is known by the name, before the file is opened. */
function readRows(file: string, urlColumn: string, captionColumn: string): AsyncGenerator<Row> {
  const form = /\.(csv|tsv|txt|jsonl|ndjson|parquet)(?:\.gz)?$/i.exec(file)?.[1]?.toLowerCase();
  if (form === 'parquet') return readable(file, readParquet(file));
  if (form === 'csv') return readable(file, readSeparated(file, ','));
  if (form === 'tsv') return readable(file, readSeparated(file, '\t'));
  if (form === 'txt') return readable(file, readText(file, urlColumn, captionColumn));
  if (form !== undefined) return readable(file, readJsonLines(file));
  throw expected('a txt, csv, tsv, jsonl or parquet list', 'urls', basename(file), 'name the file by what it is');
}

/** A damaged file is the operator's to mend; what came before it is in the corpus, and a repetition changes nothing. */
async function* readable(file: string, rows: AsyncIterable<Row>): AsyncGenerator<Row> {
  try {
    yield* rows;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw expected('a list that can be read to its end', 'urls', `${basename(file)} (${reason})`, 'fetch it again');
  }
}

function readSeparated(file: string, delimiter: ',' | '\t'): AsyncIterable<Row> {
  const options = { columns: true, delimiter, bom: true, relaxQuotes: true, relaxColumnCount: true };
  // A quote in a TSV is often a character like any other, and never closed. pandas quotes whole fields.
  const quoting = delimiter === '\t' ? { quote: null, cast: unquoted } : { quote: '"' };
  return joined(openText(file), parse({ ...options, ...quoting }));
}

const unquoted = (field: string): string =>
  /^"(?:[^"]|"")*"$/.test(field) ? field.slice(1, -1).replaceAll('""', '"') : field;

/** A caption may follow a URL after a tab; without one there is no pair. */
async function* readText(file: string, urlColumn: string, captionColumn: string): AsyncGenerator<Row> {
  for await (const line of readLines(file)) {
    const [url, ...caption] = line.split('\t');
    yield { [urlColumn]: url, [captionColumn]: caption.join(' ') };
  }
}

async function* readJsonLines(file: string): AsyncGenerator<Row> {
  for await (const line of readLines(file)) yield parseLine(line);
}

async function* readLines(file: string): AsyncGenerator<string> {
  const lines = createInterface({ input: openText(file), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) if (line.trim() !== '') yield line;
}

function openText(file: string): Readable {
  const raw = createReadStream(file);
  return file.toLowerCase().endsWith('.gz') ? joined(raw, createGunzip()) : raw;
}

/** As `pipe`, but an error or an early end of either closes both and reaches the reader. */
function joined(from: Readable, to: Duplex): Duplex {
  pipeline(from, to, () => {});
  return to;
}

function parseLine(line: string): Row {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Row) : {};
  } catch {
    return {};
  }
}

async function* readParquet(file: string): AsyncGenerator<Row> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer);
  const rows = Number(metadata.num_rows);
  for (let start = 0; start < rows; start += batchRows) {
    yield* await parquetReadObjects({
      file: buffer,
      metadata,
      compressors,
      rowStart: start,
      rowEnd: Math.min(rows, start + batchRows),
    });
  }
}
