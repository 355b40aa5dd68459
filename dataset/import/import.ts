/**
 * `lait import`: public and supervised sets become the same shards that `lait export` writes, official splits kept, all
 * captions of an image in one sample. Also how an export is sharded again: with other options, or a subset of its ids.
 */
import { existsSync } from 'node:fs';
import type { BadInput } from '../shards/reader.ts';
import { expected } from '../user-error.ts';
import { readCoco } from './coco.ts';
import { readFlickr } from './flickr.ts';
import { type ImportProgress, type ImportSummary, type ImportWriteOptions, writeImported } from './imported.ts';
import { type ParquetImportOptions, readParquetImages } from './parquet.ts';
import { readWebDataset } from './webdataset.ts';

/** Where the samples come from. */
export type ImportSource =
  | { readonly from: 'coco'; readonly captions: string; readonly images: string; readonly split?: string }
  | {
      readonly from: 'flickr';
      readonly tokens: string;
      readonly images: string;
      readonly splitFiles?: Readonly<Record<string, string>>;
    }
  | { readonly from: 'webdataset'; readonly paths: string | readonly string[]; readonly split?: string }
  | ({ readonly from: 'parquet' } & ParquetImportOptions);

/** Imports one source. Throws a UserError when the source is not there or not of that form. */
export async function importDataset(
  source: ImportSource,
  options: ImportWriteOptions,
  callbacks: {
    readonly onProgress?: (progress: ImportProgress) => void;
    readonly onBad?: (bad: BadInput) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<ImportSummary> {
  const { onBad } = callbacks;
  for (const path of localPaths(source)) {
    if (!existsSync(path)) throw expected('an existing file or folder', 'import', path, 'check the path');
  }
  switch (source.from) {
    case 'coco':
      return writeImported(readCoco(source), options, callbacks);
    case 'flickr':
      return writeImported(readFlickr(source), options, callbacks);
    case 'parquet':
      return writeImported(readParquetImages(source), options, callbacks);
    case 'webdataset':
      return writeImported(
        readWebDataset({ ...source, ...(onBad === undefined ? {} : { onBad }) }),
        options,
        callbacks,
      );
  }
}

function localPaths(source: ImportSource): readonly string[] {
  switch (source.from) {
    case 'coco':
      return [source.captions, source.images];
    case 'flickr':
      return [source.tokens, source.images, ...Object.values(source.splitFiles ?? {})];
    case 'parquet':
      return source.paths;
    case 'webdataset':
      return []; // patterns and URLs: the reader checks them
  }
}
