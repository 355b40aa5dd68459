/**
 * Lists of image URLs, with captions or without, as img2dataset takes them (list-rows.ts). A row is a pair already, so pages are
 * skipped: pairs go into the ledger, images into the queue, and the next crawl downloads them. A picture without a caption is a
 * pair with an empty text: it is downloaded, and a recipe that judges texts drops it. What else a row says is kept for the export.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withCleanup } from '../../dataset/cleanup.ts';
import { makeDurable, refuseNewImage } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { columnNames, columnsJson, keepListColumns } from '../../dataset/ledger/list-columns.ts';
import { pairId } from '../../dataset/pair.ts';
import { expected } from '../../dataset/user-error.ts';
import { holdFrontier } from '../frontier/open.ts';
import { maxBatchLength } from '../frontier/page-batches.ts';
import { cleanText } from '../page/clean-text.ts';
import { priority } from '../policy/priority.ts';
import type { Reason } from '../policy/reasons.ts';
import { type Address, absoluteUrl, addressOf, isTooLong } from '../policy/url.ts';
import { foreignForm, type ListRow, listForm, listRows } from './list-rows.ts';

export interface UrlListOptions {
  readonly corpusDir: string;
  /** A list, or a folder of lists. */
  readonly file: string;
  /** Default: `url`, `image_url` or `img_url`, in capitals or not. */
  readonly urlColumn?: string;
  /** Default: `caption`, `text`, `alt_text` or `alt`, in capitals or not, where the list has one. */
  readonly captionColumn?: string;
}

export interface UrlListSummary {
  readonly rows: number;
  /** Rows that give no pair, by what is wrong with them. */
  readonly unusable: Readonly<Record<Unusable, number>>;
  /** Pairs without a caption: their text is empty. */
  readonly withoutCaption: number;
  /** Images that were not known. */
  readonly queued: number;
}

type Unusable = 'no-url' | 'url-too-long' | 'line-too-long' | 'no-json';

/** Rows that are committed together, where they do not say more than a batch may: a line may have a million characters. */
const batchRows = 5000;
const tooLong = 'url-too-long' satisfies Reason;

const urlColumns = ['url', 'image_url', 'img_url'];
const captionColumns = ['caption', 'text', 'alt_text', 'alt'];

interface Columns {
  readonly url: string;
  readonly caption: string | null;
  /** All others, and the names under which they are kept. */
  readonly others: ReadonlyMap<string, string>;
}

interface Found extends Address {
  readonly texts: readonly string[];
  /** JSON. */
  readonly columns: string | null;
}

/** Reads a list into a corpus. Repeating it changes nothing. Throws a UserError for a file or column that is not there. */
export async function queueUrlList(
  { corpusDir, file, urlColumn, captionColumn }: UrlListOptions,
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
  const lists = listsOf(file);
  return withCleanup(async (defer) => {
    const frontier = holdFrontier(corpusDir, ledger, defer);
    makeDurable(ledger);
    const unusable: Record<Unusable, number> = { 'no-url': 0, 'url-too-long': 0, 'line-too-long': 0, 'no-json': 0 };
    let rows = 0;
    let withoutCaption = 0;
    let queued = 0;
    for (const list of lists) {
      // Pairs belong to a page: the list stands for it.
      const page = { url: `list:${basename(list)}`, status: 'fetched', title: basename(list) } as const;
      let batch: Found[] = [];
      let length = 0;
      let tooLongUrls: string[] = [];
      const flush = async (): Promise<void> => {
        await ledger.writeWhenFree(() => {
          for (const url of tooLongUrls) refuseNewImage(ledger, url, tooLong, Date.now());
          ledger.recordPage({ ...page, fetchedAtMs: Date.now() }, batch.map(foundImage));
          for (const { url, texts, columns } of batch) {
            if (columns !== null) for (const text of texts) keepListColumns(ledger, pairId(url, text), columns);
          }
        });
        queued += frontier.atomically(() =>
          frontier.add(
            batch.map(({ texts: _, columns: __, ...address }) => ({
              ...address,
              kind: 'image',
              depth: 0,
              priority: priority.image,
            })),
          ),
        );
        batch = [];
        tooLongUrls = [];
        length = 0;
        onProgress?.(rows);
      };
      for await (const { row, columns } of withColumns({ list, urlColumn, captionColumn })) {
        if (signal?.aborted) break;
        rows += 1;
        if (typeof row === 'string') {
          unusable[row] += 1;
          continue;
        }
        const url = row[columns.url];
        const request = typeof url === 'string' ? absoluteUrl(url.trim()) : null;
        const address = request === null ? null : addressOf(request);
        if (address === null) unusable['no-url'] += 1;
        else if (isTooLong(address.url)) {
          unusable[tooLong] += 1;
          tooLongUrls.push(address.url);
        } else {
          const texts = columns.caption === null ? [''] : captionsOf(row[columns.caption]);
          if (texts[0] === '') withoutCaption += 1;
          const others = columnsJson(row, columns.others);
          batch.push({ ...address, texts, columns: others });
          length += texts.reduce((sum, text) => sum + text.length + address.url.length, others?.length ?? 0);
        }
        if (batch.length + tooLongUrls.length >= batchRows || length >= maxBatchLength) await flush();
      }
      await flush();
      if (signal?.aborted) break;
    }
    return { rows, unusable, withoutCaption, queued };
  });
}

const foundImage = ({ url, texts }: Found) => ({
  url,
  texts: texts.map((text) => ({ source: text === '' ? ('none' as const) : ('list' as const), text })),
});

/** A JSON file beside other lists tells of them, as img2dataset's `_stats.json` does. */
function listsIn(folder: string): string[] {
  const lists = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !/^[._]/.test(entry.name) && listForm(entry.name) !== null)
    .map(({ name }) => join(folder, name))
    .sort();
  const others = lists.filter((list) => listForm(list) !== 'json');
  return others.length > 0 ? others : lists;
}

/** The lists that a path names: itself, or every list in a folder, sorted by name. */
function listsOf(path: string): string[] {
  if (!existsSync(path)) throw expected('a file', 'urls', path, 'give a txt, csv, tsv, json, jsonl or parquet list');
  const isFolder = statSync(path).isDirectory();
  const lists = isFolder ? listsIn(path) : [path];
  if (lists.length === 0)
    throw expected('a folder with lists', 'urls', path, 'it has no txt, csv, tsv, json, jsonl or parquet');
  for (const list of lists) {
    if (listForm(list) === null) {
      throw expected(
        'a txt, csv, tsv, json, jsonl or parquet list',
        'urls',
        basename(list),
        'name the file by what it is',
      );
    }
    const foreign = foreignForm(list);
    if (foreign !== null) {
      throw expected('a list in UTF-8, gzip or zstd', 'urls', `${basename(list)}, which is ${foreign}`, 'convert it');
    }
  }
  return lists;
}

/** Captions of a row. Ours: COCO has five, and each is a pair with all the row's columns. */
const maxCaptions = 100;

/** Captions of a row, cleaned, each once; one empty text where there is none. */
function captionsOf(value: unknown): string[] {
  const texts = [value]
    .flat(2)
    .map((one) => (typeof one === 'number' || typeof one === 'bigint' ? String(one) : one))
    .map((one) => (typeof one === 'string' ? cleanText(one) : ''))
    .filter((one) => one !== '');
  return texts.length === 0 ? [''] : [...new Set(texts)].slice(0, maxCaptions);
}

interface Wanted {
  readonly list: string;
  readonly urlColumn: string | undefined;
  readonly captionColumn: string | undefined;
}

/** Rows in which a column for the URL is looked for: JSON may leave out what a row has not. They are held, so that they may weigh no more than a batch. */
const maxRowsWithoutColumns = 1000;

/** Rows with the columns that are read of them. Throws a UserError where no row has the URL's, or the one that was named. */
async function* withColumns(wanted: Wanted): AsyncGenerator<{ readonly row: ListRow; readonly columns: Columns }> {
  const seen = new Set<string>();
  /** `isWhole`: no row has another name. */
  const known: { columns: Columns | null; isWhole: boolean } = { columns: null, isWhole: false };
  const learn = (names: readonly string[]): void => {
    if (addAll(seen, names)) known.columns = columnsOf([...seen], wanted) ?? known.columns;
  };
  const rows = listRows(wanted.list, (names) => {
    learn(names);
    known.isWhole = true;
  });
  let waiting: ListRow[] = [];
  let length = 0;
  for await (const row of rows) {
    if (!known.isWhole && typeof row !== 'string') learn(Object.keys(row));
    waiting.push(row);
    const { columns } = known;
    if (columns === null) {
      length += known.isWhole ? 0 : lengthOf(row);
      const mayCome = !known.isWhole && waiting.length < maxRowsWithoutColumns && length < maxBatchLength;
      if (mayCome) continue;
      throw columnExpected(seen, wanted);
    }
    for (const one of waiting) yield { row: one, columns };
    waiting = [];
  }
  if (waiting.length > 0) throw columnExpected(seen, wanted);
}

const lengthOf = (row: ListRow): number => (typeof row === 'string' ? 0 : JSON.stringify(row, asText).length);

/** JSON has no whole numbers above what it can count to; parquet has. */
const asText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** Names that a list may have over all its rows; those after them are not kept. */
const maxNames = 1000;

function addAll(seen: Set<string>, names: readonly string[]): boolean {
  const before = seen.size;
  for (const name of names) if (seen.size < maxNames) seen.add(name);
  return seen.size > before;
}

/** Null until the URL's column is there. */
function columnsOf(names: readonly string[], { urlColumn, captionColumn }: Wanted): Columns | null {
  const find = (candidates: readonly string[]): string | null => {
    const wanted = candidates.flatMap((one) => [
      names.find((name) => name === one),
      names.find((name) => name.trim().toLowerCase() === one.toLowerCase()),
    ]);
    return wanted.find((name) => name !== undefined) ?? null;
  };
  const url = find(urlColumn === undefined ? urlColumns : [urlColumn]);
  const caption = find(captionColumn === undefined ? captionColumns : [captionColumn]);
  if (url === null || (caption === null && captionColumn !== undefined)) return null;
  return { url, caption, others: columnNames(names.filter((name) => name !== url && name !== caption && name !== '')) };
}

function columnExpected(seen: ReadonlySet<string>, { list, urlColumn, captionColumn }: Wanted): Error {
  const names = [...seen].slice(0, 20).map((name) => JSON.stringify(name.slice(0, 64)));
  const wanted = [urlColumn ?? urlColumns.join(' or '), ...(captionColumn === undefined ? [] : [captionColumn])];
  return expected(
    `a column ${wanted.join(' and a column ')}`,
    'urls',
    `${basename(list)} with ${names.join(', ') || 'no row that can be read'}`,
    'name the columns by --url-column and --caption-column',
  );
}
