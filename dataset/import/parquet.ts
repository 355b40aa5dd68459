/**
 * Hugging Face parquet: an image column (a struct of `bytes` and `path`, or plain bytes) and a text column, a string or a list
 * of strings. Files are read a few rows at a time. A row's `split` column gives its split, else the file's name, as in
 * `train-00000-of-00005.parquet`.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetFault } from '../shards/parquet-fault.ts';
import { expected } from '../user-error.ts';
import type { ImportedSample } from './imported-sample.ts';
import { readRecord, type SourceRecord, textNames } from './record.ts';
import { splitOfPath } from './splits.ts';

const imageNames = ['image', 'jpg', 'jpeg', 'img', 'png', 'webp', 'images', 'picture', 'image_bytes', 'IMAGE'];

export interface ParquetImportOptions {
  /** Files, and folders of them. */
  readonly paths: readonly string[];
  readonly split?: string;
  /** Default: the first usual name that the file has, else the only column of bytes or of structs with `bytes`. */
  readonly imageColumn?: string;
  /** Default: the first usual name that the file has. */
  readonly textColumn?: string;
}

/** All parquet files, those of folders sorted, each once. Throws a UserError when there is none. */
export function parquetFiles(paths: readonly string[]): string[] {
  const files = paths.flatMap((path) => {
    if (!existsSync(path)) throw expected('an existing file or folder', 'import', path, 'check the path');
    if (!statSync(path).isDirectory()) return [path];
    const below = readdirSync(path, { recursive: true, withFileTypes: true });
    const found = below
      .filter((entry) => entry.isFile() && /\.parquet$/i.test(entry.name) && !entry.name.startsWith('.'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    if (found.length === 0) throw expected('a folder with parquet files', 'import', path, 'check the path');
    return found;
  });
  return [...new Set(files)];
}

export async function* readParquetImages(options: ParquetImportOptions): AsyncGenerator<ImportedSample> {
  for (const path of parquetFiles(options.paths)) yield* fileSamples(path, options);
}

async function* fileSamples(path: string, options: ParquetImportOptions): AsyncGenerator<ImportedSample> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch(() => {
    throw expected('a parquet file', 'import', path, 'check the path');
  });
  const columns = topColumns(metadata);
  const names = columns.map(({ name }) => name);
  const only = columns.filter(({ isImage }) => isImage).map(({ name }) => name);
  const imageColumn = column('image', options.imageColumn, [...imageNames, ...only], names, path);
  const textColumn = column('text', options.textColumn, textNames, names, path);
  // Another column of bytes would be read for nothing.
  const read = names.filter((name) => name === imageColumn || name === textColumn || !only.includes(name));
  const splitOfFile = splitOfPath(path);
  let at = 0;
  for await (const row of rows(file, metadata, read, path)) {
    const { [imageColumn]: image, ...about } = row;
    const found = readRecord(textValues(about), textColumn);
    const name = nameOf(about, image, `${basename(path)}:${at}`);
    const split = options.split ?? found.split ?? splitOfFile;
    const [first = null, ...further] = Array.isArray(image) ? image.map(imageBytes) : [imageBytes(image)];
    yield { ...found, name, split, image: first };
    for (const _ of further) yield { name, split, url: '', image: null, texts: [], fault: 'further-image' };
    at += 1;
  }
}

interface TopColumn {
  readonly name: string;
  /** Bytes that are no text, or a struct that has some. */
  readonly isImage: boolean;
}

/** The columns of the table: the schema lists the members of structs and lists behind them. */
function topColumns({ schema }: FileMetaData): TopColumn[] {
  const columns: TopColumn[] = [];
  const isBytes = ({ type, converted_type, logical_type }: FileMetaData['schema'][number]) =>
    type === 'BYTE_ARRAY' && converted_type === undefined && logical_type === undefined;
  const endOf = (at: number): number => {
    let next = at + 1;
    for (let i = schema[at]!.num_children ?? 0; i > 0; i -= 1) next = endOf(next);
    return next;
  };
  for (let at = 1; at < schema.length; ) {
    const end = endOf(at);
    const inside = schema.slice(at, end);
    columns.push({
      name: schema[at]!.name,
      isImage: inside.some((one) => isBytes(one) && (inside.length === 1 || one.name === 'bytes')),
    });
    at = end;
  }
  return columns;
}

/** Bytes decoded at once at most; a row group of images may be larger than memory. */
const groupBytesAtOnce = 256 << 20;
const rowsAtOnce = 64;

async function* rows(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: string[],
  path: string,
): AsyncGenerator<SourceRecord> {
  let start = 0;
  for (const { num_rows, total_byte_size } of metadata.row_groups) {
    const end = start + Number(num_rows);
    const step = Number(total_byte_size) <= groupBytesAtOnce ? Math.max(1, end - start) : rowsAtOnce;
    for (let at = start; at < end; at += step) {
      const rowEnd = Math.min(at + step, end);
      // Bytes that are no text must not be decoded as text.
      const read = { file, metadata, columns, compressors, rowStart: at, rowEnd, utf8: false } as const;
      yield* await parquetReadObjects(read).catch((error: unknown) => {
        throw expected(
          'a parquet file that can be read to its end',
          'import',
          path,
          `rows from ${at}: ${parquetFault(error)}`,
        );
      });
    }
    start = end;
  }
}

function column(
  kind: string,
  asked: string | undefined,
  known: readonly string[],
  names: readonly string[],
  path: string,
): string {
  const found = asked === undefined ? known.find((name) => names.includes(name)) : names.find((name) => name === asked);
  if (found !== undefined) return found;
  const wanted = asked ?? known.slice(0, 4).join(', ');
  throw expected(
    `the ${kind} column ${wanted}`,
    path,
    'a file without it',
    `name it with --${kind}-column: ${names.join(', ')}`,
  );
}

/** Text that a writer has not marked as text comes as bytes. */
const textValues = (row: SourceRecord): SourceRecord =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Uint8Array && value.length <= 1 << 20 ? Buffer.from(value).toString('utf8') : value,
    ]),
  );

function nameOf(row: SourceRecord, image: unknown, fallback: string): string {
  const path = (image as { path?: unknown } | null)?.path;
  for (const name of [row.key, row.__key__, path]) if (typeof name === 'string' && name !== '') return name;
  return fallback;
}

function imageBytes(one: unknown): Buffer | null {
  const bytes = one instanceof Uint8Array ? one : ((one as { bytes?: unknown } | null)?.bytes ?? null);
  return bytes instanceof Uint8Array ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : null;
}
