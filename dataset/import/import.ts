/**
 * `lait import`: public and supervised sets become the same shards that `lait export` writes, official splits kept, all
 * captions of an image in one sample. Also how an export is sharded again: with other options, or a subset of its ids.
 */
import { existsSync } from 'node:fs';
import { expandShardPaths } from '../shards/paths.ts';
import type { BadInput } from '../shards/reader.ts';
import { expected } from '../user-error.ts';
import { readCoco } from './coco.ts';
import { readFlickr } from './flickr.ts';
import { type ImportIdentity, importIdentity } from './identity.ts';
import { type ImportProgress, type ImportSummary, type ImportWriteOptions, writeImported } from './imported.ts';
import type { ImportedSamples } from './imported-sample.ts';
import { type ParquetImportOptions, parquetFiles, readParquetImages } from './parquet.ts';
import { checkSplitName } from './splits.ts';
import { readWebDataset } from './webdataset.ts';

/** Where the samples come from. */
export type ImportSource =
  | { readonly from: 'coco'; readonly captions: string; readonly images: string; readonly split?: string }
  | {
      readonly from: 'flickr';
      readonly tokens: string;
      readonly images: string;
      readonly split?: string;
      readonly splitFiles?: Readonly<Record<string, string>>;
    }
  | {
      readonly from: 'webdataset';
      readonly paths: string | readonly string[];
      readonly split?: string;
      readonly textColumn?: string;
    }
  | ({ readonly from: 'parquet' } & ParquetImportOptions);

/** Imports one source. Throws a UserError when the source is not there or not of that form; then nothing has changed. */
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
  const named = 'split' in source && source.split !== undefined ? [source.split] : [];
  const listed = source.from === 'flickr' ? Object.keys(source.splitFiles ?? {}) : [];
  for (const split of [...named, ...listed]) checkSplitName(split);
  for (const path of localPaths(source)) {
    if (!existsSync(path)) throw expected('an existing file or folder', 'import', path, 'check the path');
  }
  return writeImported(samplesOf(source, onBad), await identityOf(source), options, callbacks);
}

function samplesOf(source: ImportSource, onBad: ((bad: BadInput) => void) | undefined): ImportedSamples {
  switch (source.from) {
    case 'coco':
      return readCoco(source);
    case 'flickr':
      return readFlickr(source);
    case 'parquet':
      return readParquetImages(source);
    case 'webdataset':
      return readWebDataset({ ...source, ...(onBad === undefined ? {} : { onBad }) });
  }
}

async function identityOf(source: ImportSource): Promise<ImportIdentity> {
  const { split = null } = source;
  switch (source.from) {
    case 'coco':
      return importIdentity('coco', [source.captions], { split });
    case 'flickr': {
      const lists = Object.entries(source.splitFiles ?? {});
      const files = [source.tokens, ...lists.map(([, list]) => list)];
      return importIdentity('flickr', files, { split, splits: lists.map(([name]) => name) });
    }
    case 'parquet': {
      const { imageColumn = null, textColumn = null } = source;
      return importIdentity('parquet', parquetFiles(source.paths), { split, imageColumn, textColumn });
    }
    case 'webdataset':
      return importIdentity('webdataset', await expandShardPaths(source.paths), {
        split,
        textColumn: source.textColumn ?? null,
      });
  }
}

function localPaths(source: ImportSource): readonly string[] {
  switch (source.from) {
    case 'coco':
      return [source.captions, source.images];
    case 'flickr':
      return [source.tokens, source.images, ...Object.values(source.splitFiles ?? {})];
    default:
      return []; // folders, patterns and URLs: the readers check them
  }
}
