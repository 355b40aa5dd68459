/**
 * The three forms a shard can have. `webdataset`: `00000.tar` with a table beside it. `parquet`: one table whose `image` column
 * Hugging Face reads as images. `jsonl`: a folder `00000/` of image files, with a line for each in `00000.jsonl` and once more in the folder's
 * `metadata.jsonl`, where Hugging Face's imagefolder looks for them.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readdirSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SchemaElement } from 'hyparquet';
import { type BasicType, fileWriter, ParquetWriter } from 'hyparquet-writer';
import { digestOf, type FileDigest, temporaryEnding, writeFileAtomic } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
import { cell } from './parquet.ts';
import { TarWriter } from './tar-writer.ts';

export const exportFormats = ['webdataset', 'parquet', 'jsonl'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** One sample as the containers take it. */
export interface ContainedSample {
  readonly key: string;
  /** The ending of a file with this image: `jpg`, `png`. */
  readonly imageField: string;
  readonly image: Buffer;
  readonly text: string;
  readonly row: Readonly<Record<string, unknown>>;
  /** The row as JSON, for the tar's member and the line. */
  readonly json: string;
}

/** A shard being written; nothing of it is seen under its own name before `commit`. */
export interface ShardContainer {
  add(sample: ContainedSample): void;
  /** Returns the files written, by what follows the shard's name: `.tar`, `/000000.jpg`. */
  commit(): Record<string, FileDigest & { readonly md5?: string }>;
  abandon(): void;
}

/** Starts the shard `base` (a path without ending) with these columns. */
export function openContainer(
  format: ExportFormat,
  base: string,
  columns: Readonly<Record<string, BasicType>>,
): ShardContainer {
  if (format === 'webdataset') return tarContainer(base);
  return format === 'parquet' ? openParquet(base, columns) : jsonlContainer(base);
}

/**
 * Every image is the member `jpg`, whatever its bytes are: img2dataset's name for it when nothing is re-encoded. Hugging Face's loader
 * wants the same members in every sample, and loaders look at the bytes.
 */
function tarContainer(base: string): ShardContainer {
  const tar = new TarWriter(`${base}.tar`);
  return {
    add: ({ key, image, json, text }) => tar.add(key, { jpg: image, json: Buffer.from(json), txt: Buffer.from(text) }),
    commit: () => ({ '.tar': tar.commit() }),
    abandon: () => tar.abandon(),
  };
}

/** Rows of images in one row group: what Hugging Face advises for its viewer. */
export const imagesPerRowGroup = 100;

/** A table with an image in every row, 100 rows in memory at most. */
export interface ParquetContainer extends ShardContainer {
  addRow(image: { readonly bytes: Uint8Array; readonly path: string }, row: ContainedSample['row']): void;
  /** `beforeSeen` is called with what will be returned, when the file is whole and not yet under its name. */
  commit(beforeSeen?: (files: Record<string, FileDigest>) => void): Record<string, FileDigest>;
}

/** Types that Parquet has, and what Hugging Face calls them. All others are texts. */
const dtypes = { INT32: 'int32', INT64: 'int64', DOUBLE: 'float64', BOOLEAN: 'bool' } as const;
const isPlain = (type: BasicType): type is keyof typeof dtypes => Object.hasOwn(dtypes, type);

/** What Hugging Face calls a column's type. */
export const dtypeOf = (type: BasicType): string => (isPlain(type) ? dtypes[type] : 'string');

/** Starts the shard `base` as a table of images. */
export function openParquet(base: string, columns: Readonly<Record<string, BasicType>>): ParquetContainer {
  const temporary = `${base}.parquet.tmp`;
  const schema: SchemaElement[] = [
    { name: 'root', num_children: Object.keys(columns).length + 1 },
    { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    ...Object.entries(columns).map(
      ([name, type]): SchemaElement =>
        isPlain(type)
          ? { name, type, repetition_type: 'OPTIONAL' }
          : { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    ),
  ];
  const features = {
    image: { _type: 'Image' },
    ...Object.fromEntries(
      Object.entries(columns).map(([name, type]) => [name, { dtype: dtypeOf(type), _type: 'Value' }]),
    ),
  };
  const kvMetadata = [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }];
  const writer = new ParquetWriter({ writer: fileWriter(temporary), schema, kvMetadata, createdBy: 'lait' });
  let waiting: { readonly image: object; readonly row: ContainedSample['row'] }[] = [];
  const flush = () => {
    if (waiting.length === 0) return;
    writer.write({
      columnData: [
        // Images are compressed already; their smallest and largest bytes say nothing.
        {
          name: 'image',
          data: waiting.map(({ image }) => image),
          codec: 'UNCOMPRESSED',
          statistics: false,
          encoding: 'PLAIN',
        },
        ...Object.entries(columns).map(([name, type]) => ({
          name,
          data: waiting.map(({ row }) => cell(row[name], type)),
        })),
      ],
      rowGroupSize: imagesPerRowGroup,
    });
    waiting = [];
  };
  const addRow: ParquetContainer['addRow'] = (image, row) => {
    waiting.push({ image, row });
    if (waiting.length === imagesPerRowGroup) flush();
  };
  return {
    addRow,
    add: ({ key, imageField, image, row }) => addRow({ bytes: image, path: `${key}.${imageField}` }, row),
    commit(beforeSeen) {
      flush();
      writer.finish();
      const fd = openSync(temporary, 'r');
      fsyncSync(fd);
      closeSync(fd);
      const files = { '.parquet': digestOfFile(temporary) };
      beforeSeen?.(files);
      renameSync(temporary, `${base}.parquet`);
      return files;
    },
    abandon: () => rmSync(temporary, { force: true }),
  };
}

/** Read piece by piece: the table may be larger than a buffer can be. */
function digestOfFile(path: string): FileDigest {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(1 << 20);
  const fd = openSync(path, 'r');
  let bytes = 0;
  for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) {
    hash.update(piece.subarray(0, read));
    bytes += read;
  }
  closeSync(fd);
  return { bytes, sha256: hash.digest('hex') };
}

/** The name that Hugging Face's imagefolder looks for in a folder of images. */
export const metadataName = 'metadata.jsonl';

function jsonlContainer(base: string): ShardContainer {
  const temporary = `${base}.files.tmp`;
  const name = basename(base);
  rmSync(temporary, { recursive: true, force: true });
  makeFolder(temporary);
  const files: Record<string, FileDigest> = {};
  const lines: string[] = [];
  const metadata: string[] = [];
  return {
    add({ key, imageField, image, json }) {
      const file = `${key}.${imageField}`;
      writeFileSync(join(temporary, file), image, { flush: true });
      files[`/${file}`] = digestOf(image);
      const row = JSON.parse(json);
      lines.push(`${JSON.stringify({ file_name: `${name}/${file}`, ...row })}\n`);
      metadata.push(`${JSON.stringify({ file_name: file, ...row })}\n`);
    },
    commit() {
      files[`/${metadataName}`] = writeFileAtomic(join(temporary, metadataName), metadata.join(''));
      rmSync(base, { recursive: true, force: true });
      renameSync(temporary, base);
      return { ...files, '.jsonl': writeFileAtomic(`${base}.jsonl`, lines.join('')) };
    },
    abandon: () => rmSync(temporary, { recursive: true, force: true }),
  };
}

/** Names of a split's folder that belong to no finished shard: of an earlier export, or of one that was killed. */
export function leftOvers(folder: string, names: ReadonlySet<string>, format: ExportFormat): string[] {
  const ours: Record<ExportFormat, readonly string[]> = {
    webdataset: ['.tar', '.parquet', '_stats.json'],
    parquet: ['.parquet', '_stats.json'],
    jsonl: ['', '.jsonl', '.parquet', '_stats.json'],
  };
  return readdirSync(folder).filter((file) => {
    const whole = file.replace(temporaryEnding, '');
    const [, name, ending] = /^(\d+)(\.tar|\.parquet|\.jsonl|_stats\.json|\.files)?$/.exec(whole) ?? [];
    if (name === undefined) return false;
    return !names.has(name) || file !== whole || !ours[format].includes(ending ?? '');
  });
}
