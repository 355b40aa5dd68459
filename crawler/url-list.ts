/**
 * Lists of image URLs with captions, as img2dataset takes them: txt, csv, tsv, jsonl (each also .gz) and parquet. A row is a
 * pair already, so pages are skipped: pairs go into the ledger, images into the queue, and the next crawl downloads them.
 */
import { createReadStream, existsSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { Ledger } from '../dataset/ledger.ts';
import { expected } from '../dataset/user-error.ts';
import { makeDurable } from './commit.ts';
import { priority } from './fetch-page.ts';
import { Frontier } from './frontier.ts';
import { lockCorpus } from './run-lock.ts';
import { cleanText } from './texts.ts';
import { normaliseUrl } from './url.ts';

export interface UrlListOptions {
  readonly corpusDir: string;
  readonly file: string;
  readonly urlColumn?: string;
  readonly captionColumn?: string;
}

export interface UrlListSummary {
  readonly rows: number;
  /** Rows whose URL is none, or that have no caption. */
  readonly unusable: number;
  readonly queued: number;
}

type Row = Readonly<Record<string, unknown>>;

const batchRows = 5000;

/** Reads a list into a corpus. Repeating it changes nothing. Throws a UserError for a file or column that is not there. */
export async function importUrlList(
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
  const unlock = lockCorpus(corpusDir);
  const frontier = Frontier.open(corpusDir);
  makeDurable(ledger);
  // Pairs belong to a page: the list stands for it.
  const page = { url: `list:${basename(file)}`, status: 'fetched', title: basename(file) } as const;
  let count = 0;
  let unusable = 0;
  let queued = 0;
  let batch: { url: string; text: string }[] = [];
  const flush = (): void => {
    const images = batch.map(({ url, text }) => ({ url, texts: [{ source: 'list' as const, text }] }));
    ledger.recordPage({ ...page, fetchedAtMs: Date.now() }, images);
    queued += frontier.atomically(() =>
      frontier.add(batch.map(({ url }) => ({ url, kind: 'image', depth: 0, priority: priority.image }))),
    );
    batch = [];
    onProgress?.(count);
  };
  try {
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
      const url = typeof row[urlColumn] === 'string' ? normaliseUrl(row[urlColumn].trim()) : null;
      const text = typeof row[captionColumn] === 'string' ? cleanText(row[captionColumn]) : '';
      if (url === null || text === '') unusable += 1;
      else batch.push({ url, text });
      if (batch.length >= batchRows) flush();
    }
    flush();
    return { rows: count, unusable, queued };
  } finally {
    frontier.close();
    unlock();
  }
}

async function* readRows(file: string, urlColumn: string, captionColumn: string): AsyncGenerator<Row> {
  const name = file.toLowerCase().replace(/\.gz$/, '');
  if (name.endsWith('.parquet')) return yield* readParquet(file);
  const raw = createReadStream(file);
  const text = file.toLowerCase().endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  if (name.endsWith('.csv') || name.endsWith('.tsv')) {
    const delimiter = name.endsWith('.tsv') ? '\t' : ',';
    const rows = text.pipe(
      parse({
        columns: true,
        delimiter,
        bom: true,
        relaxQuotes: true,
        relaxColumnCount: true,
        quote: delimiter === '\t' ? null : '"',
      }),
    );
    yield* rows as AsyncIterable<Row>;
    return;
  }
  if (!/\.(?:txt|jsonl|ndjson)$/.test(name)) {
    throw expected('a txt, csv, tsv, jsonl or parquet list', 'urls', basename(file), 'name the file by what it is');
  }
  for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    if (name.endsWith('.txt')) {
      // A caption may follow after a tab; without one there is no pair.
      const [url, ...caption] = line.split('\t');
      yield { [urlColumn]: url, [captionColumn]: caption.join(' ') };
    } else yield parseLine(line);
  }
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
      rowStart: start,
      rowEnd: Math.min(rows, start + batchRows),
    });
  }
}
