/**
 * The rows of a list in each form that img2dataset takes, one object a row, with bounded memory. What a name says decides the form
 * (txt, csv, tsv, json, jsonl, ndjson, parquet), what the first bytes say the compression (gzip, Zstandard).
 */

import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetFault } from '../../dataset/shards/parquet-fault.ts';
import { textLines } from '../../dataset/text-lines.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import { archivePieces } from './archive-bytes.ts';
import { BrokenArchive, tellBreak } from './broken-archive.ts';
import { jsonObjects } from './json-rows.ts';
import { namesWithoutHeader, tsvRows } from './tsv.ts';

/** A row by column, or what is wrong with it. */
export type ListRow = Readonly<Record<string, unknown>> | 'line-too-long' | 'no-json';

/** Ours: a URL has 2,048 characters at most, and a caption 20,000. */
const maxLineBytes = 1_000_000;

/** Of a line. Ours. The parser of CSV counts the characters of fields, so that empty ones would be without end. */
const maxColumns = 10_000;

/** Of a row of CSV, whatever line breaks it quotes: `maxLineBytes` characters of fields, which may have four bytes each or be quotes, written twice. */
const maxRowBytes = 4 * maxLineBytes;

/** So much of CSV goes to its parser at once, and is then known to have ended rows or not. */
const csvBytes = 65_536;

/** Rows of parquet that are read at once: each time, all of their row group is unpacked. */
const parquetRows = 100_000;

const forms = ['txt', 'csv', 'tsv', 'json', 'jsonl', 'ndjson', 'parquet'] as const;
type Form = (typeof forms)[number];

/** The form of a list by its name; null for another file. */
export function listForm(file: string): Form | null {
  const form = /\.([a-z]+)(?:\.gz|\.zst)?$/i.exec(file)?.[1]?.toLowerCase();
  return forms.find((one) => one === form) ?? null;
}

/** Gets the names of all columns before the first row, where a list says them there: its rows may lack what they have no field for. */
export type OnNames = (names: readonly string[]) => void;

/** Throws a UserError for a file that is damaged, once its rows before that were handed out. */
export async function* listRows(file: string, onNames: OnNames = () => {}): AsyncGenerator<ListRow> {
  try {
    yield* rowsOf(file, onNames);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason =
      error instanceof BrokenArchive
        ? tellBreak(error)
        : /\.parquet$/i.test(file) || !(error instanceof Error)
          ? parquetFault(error)
          : error.message;
    throw expected('a list that can be read to its end', 'urls', `${basename(file)} (${reason})`, 'fetch it again');
  }
}

function rowsOf(file: string, onNames: OnNames): AsyncIterable<ListRow> {
  switch (listForm(file)) {
    case 'parquet':
      return parquet(file);
    case 'csv':
      return csv(file, onNames);
    case 'tsv':
      return tsvRows(textLines(open(file), maxLineBytes), onNames);
    case 'txt':
      return text(file);
    case 'json':
      return json(file);
    case 'jsonl':
    case 'ndjson':
      return jsonLines(file);
    case null:
      throw expected(
        'a txt, csv, tsv, json, jsonl or parquet list',
        'urls',
        basename(file),
        'name the file by what it is',
      );
  }
}

async function* open(file: string): AsyncGenerator<Buffer> {
  for await (const { bytes } of archivePieces(createReadStream(file))) yield bytes;
}

/** A caption may follow a URL after a tab. */
async function* text(file: string): AsyncGenerator<ListRow> {
  for await (const line of textLines(open(file), maxLineBytes)) {
    if (line === null) yield 'line-too-long';
    else if (line.trim() !== '') {
      const [url, ...caption] = line.split('\t');
      yield caption.length === 0 ? { url } : { url, caption: caption.join(' ') };
    }
  }
}

async function* json(file: string): AsyncGenerator<ListRow> {
  let isFirst = true;
  for await (const text of jsonObjects(open(file), maxLineBytes)) {
    const row = text === null ? 'line-too-long' : parseLine(text);
    // One object for the whole list, as pandas writes it unasked.
    if (isFirst && (row === 'line-too-long' || isColumns(row)))
      throw expected('rows', 'urls', `${basename(file)}, one object of columns`, 'write it with orient="records"');
    isFirst = false;
    yield row;
  }
}

const isColumns = (row: ListRow): boolean => {
  const values = Object.values(row);
  return values.length > 0 && values.every((value) => typeof value === 'object' && value !== null);
};

async function* jsonLines(file: string): AsyncGenerator<ListRow> {
  for await (const line of textLines(open(file), maxLineBytes)) {
    if (line === null) yield 'line-too-long';
    else if (line.trim() !== '') yield parseLine(line);
  }
}

function parseLine(line: string): ListRow {
  // Without an error, which costs far more than what it is about.
  if (!line.trimStart().startsWith('{')) return 'no-json';
  try {
    // Python writes NaN and Infinity, which no JSON has; strings are passed over as they are.
    const json = line.replace(/"(?:[^"\\]|\\.)*(?:"|$)|-?\bInfinity\b|\bNaN\b/g, (found) =>
      found.startsWith('"') ? found : 'null',
    );
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ListRow) : 'no-json';
  } catch {
    return 'no-json';
  }
}

async function* csv(file: string, onNames: OnNames): AsyncGenerator<ListRow> {
  const first = await firstLine(file);
  const delimiter = delimiterOf(first);
  const names = namesWithoutHeader(first.split(delimiter));
  const told = (header: string[]): string[] => {
    onNames(header);
    return header;
  };
  if (names !== null) onNames(names);
  const parser = parse({
    columns: names ?? told,
    delimiter,
    bom: true,
    relaxQuotes: true,
    relaxColumnCount: true,
    skipEmptyLines: true,
    maxRecordSize: maxLineBytes,
  });
  const ended = (): number => parser.info.records + parser.info.empty_lines;
  pipeline(Readable.from(narrow(open(file), delimiter, ended)), parser, () => {});
  yield* parser as AsyncIterable<ListRow>;
}

/**
 * What it is given, in pieces; throws where so many delimiters stand in one line that it cannot be a row, in quotes or not, and where a row
 * quotes line breaks without end. `ended` says how many rows the parser has ended.
 */
async function* narrow(pieces: AsyncIterable<Buffer>, delimiter: string, ended: () => number): AsyncGenerator<Buffer> {
  const mark = delimiter.charCodeAt(0);
  let [marks, rows, rowBytes] = [0, 0, 0];
  for await (const whole of pieces) {
    for (let start = 0; start < whole.length; start += csvBytes) {
      const piece = whole.subarray(start, start + csvBytes);
      for (const byte of piece) {
        if (byte === 0x0a || byte === 0x0d) marks = 0;
        else if (byte === mark) marks += 1;
        if (marks >= maxColumns) throw new Error(`a line has more than ${maxColumns} columns`);
      }
      const rowsNow = ended();
      rowBytes = rowsNow === rows ? rowBytes + piece.length : 0;
      rows = rowsNow;
      if (rowBytes > maxRowBytes) throw new Error(`a row has more than ${maxRowBytes} bytes`);
      yield piece;
    }
  }
}

async function firstLine(file: string): Promise<string> {
  for await (const line of textLines(open(file), maxLineBytes)) if (line !== '') return line ?? '';
  return '';
}

/** What separates the columns: comma, or where the first line has none, what it has most of. */
function delimiterOf(line: string): string {
  const bare = line.replace(/"[^"]*"/g, '');
  if (bare.includes(',')) return ',';
  const counts = [';', '\t', '|'].map((mark) => [mark, bare.split(mark).length] as const);
  const [mark, count] = counts.reduce((best, one) => (one[1] > best[1] ? one : best));
  return count > 1 ? mark : ',';
}

async function* parquet(file: string): AsyncGenerator<ListRow> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer);
  let start = 0;
  for (const { num_rows } of metadata.row_groups) {
    const end = start + Number(num_rows);
    for (; start < end; start += parquetRows) {
      const rowEnd = Math.min(end, start + parquetRows);
      yield* await parquetReadObjects({ file: buffer, metadata, compressors, rowStart: start, rowEnd });
    }
    start = end;
  }
}

/** Whether the file is bzip2, xz or a workbook: named as a list, and none that can be read. */
export function foreignForm(file: string): string | null {
  const fd = openSync(file, 'r');
  const start = Buffer.alloc(6);
  try {
    readSync(fd, start, 0, 6, 0);
  } finally {
    closeSync(fd);
  }
  if (start.toString('latin1', 0, 3) === 'BZh') return 'bzip2';
  if (start.toString('latin1', 1, 5) === '7zXZ') return 'xz';
  if (start.toString('latin1', 0, 4) === 'PK\x03\x04') return 'a zip file';
  if (start.readUInt16BE(0) === 0xfffe || start.readUInt16BE(0) === 0xfeff) return 'UTF-16';
  return null;
}
