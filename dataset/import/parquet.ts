/**
 * Hugging Face parquet: an image column (a struct of `bytes` and `path`, or plain bytes) and a text column, a string or a list
 * of strings. Files are read a few rows at a time. A file's name gives its split, as in `train-00000-of-00005.parquet`.
 */
import { basename } from 'node:path';
import { type AsyncBuffer, asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { expected } from '../user-error.ts';
import { splitOfName } from './coco.ts';
import type { ImportedSample, ImportedSplits } from './imported.ts';

const textColumns = ['texts', 'captions', 'caption', 'text', 'sentences', 'alt_text', 'alt', 'TEXT'];
const imageColumns = ['image', 'jpg', 'img', 'png', 'webp'];

export interface ParquetImportOptions {
  readonly paths: readonly string[];
  readonly split?: string;
  /** Default: the first of `image`, `jpg`, `img`, `png`, `webp` that the file has. */
  readonly imageColumn?: string;
  /** Default: the first of `texts`, `captions`, `caption`, `text`, `sentences`, `alt_text`, `alt`, `TEXT`. */
  readonly textColumn?: string;
}

export function readParquetImages(options: ParquetImportOptions): ImportedSplits {
  const bySplit = new Map<string, string[]>();
  for (const path of options.paths) {
    const split = options.split ?? splitOfName(basename(path));
    bySplit.set(split, [...(bySplit.get(split) ?? []), path]);
  }
  return new Map([...bySplit].map(([split, paths]) => [split, samples(paths, options)]));
}

async function* samples(paths: readonly string[], options: ParquetImportOptions): AsyncGenerator<ImportedSample> {
  for (const path of paths) {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file).catch(() => {
      throw expected('a parquet file', 'import', path, 'check the path');
    });
    // The first elements below the root are not all columns: a struct's members follow it.
    const names = new Set(metadata.schema.slice(1).map(({ name }) => name));
    const imageColumn = column('image', options.imageColumn, imageColumns, names, path);
    const textColumn = column('text', options.textColumn, textColumns, names, path);
    const columns = [imageColumn, textColumn, ...['url', 'uid', 'key'].filter((name) => names.has(name))];
    let start = 0;
    for (const { num_rows } of metadata.row_groups) {
      const end = start + Number(num_rows);
      for await (const row of rows(file, columns, start, end)) {
        yield {
          name: String(row.key ?? `${basename(path)}:${start}`),
          url: typeof row.url === 'string' ? row.url : '',
          image: imageBytes(row[imageColumn]),
          texts: [row[textColumn]].flat(2).filter((text) => typeof text === 'string'),
          ...(typeof row.uid === 'string' ? { uid: row.uid } : {}),
        };
        start += 1;
      }
      start = end;
    }
  }
}

/** Rows held at once; a row group of images may be larger than memory. */
const rowsAtOnce = 64;

async function* rows(file: AsyncBuffer, columns: string[], start: number, end: number) {
  for (let at = start; at < end; at += rowsAtOnce) {
    const rowEnd = Math.min(at + rowsAtOnce, end);
    // Bytes that are no text must not be decoded as text.
    yield* await parquetReadObjects({ file, columns, rowStart: at, rowEnd, utf8: false });
  }
}

function column(
  kind: string,
  asked: string | undefined,
  known: readonly string[],
  names: ReadonlySet<string>,
  path: string,
): string {
  const found = asked === undefined ? known.find((name) => names.has(name)) : names.has(asked) ? asked : undefined;
  if (found !== undefined) return found;
  const advice = `name its ${kind} column; it has ${[...names].join(', ')}`;
  throw expected(`the ${kind} column ${asked ?? known.join(' or ')}`, path, 'a file without it', advice);
}

function imageBytes(value: unknown): Buffer | null {
  const bytes = value instanceof Uint8Array ? value : ((value as { bytes?: unknown } | null)?.bytes ?? null);
  return bytes instanceof Uint8Array ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : null;
}
