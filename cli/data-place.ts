/** Where the data of training and evaluation lies: shards, and beside their folder the regions of their pictures. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isS3, lastPart, parentOf, within } from '../dataset/blobs/place.ts';
import { expected } from '../dataset/user-error.ts';
import type { Config } from './config.ts';

export interface DataPlace {
  /** What holds shards and regions: a corpus, or a place in S3 like one. For messages too. */
  readonly dir: string;
  /** A folder below it for each split. */
  readonly shards: string;
}

/** The data of a corpus, or that at `--shards`. Throws a UserError for a whole bucket: regions lie beside shards. */
export function dataPlace(corpus: string, shards?: string): DataPlace {
  if (shards === undefined) return { dir: corpus, shards: within(corpus, 'shards') };
  if (isS3(shards) && parentOf(shards) === shards) {
    throw expected('a prefix with shards', '--shards', shards, 'name one, as in s3://BUCKET/birds/shards');
  }
  if (shards === '' || lastPart(shards) === '') throw expected('a folder with shards', '--shards', shards, 'name one');
  if (!isS3(shards)) checkShards(shards);
  return { dir: parentOf(shards), shards };
}

/** Throws a UserError for a file, and for the folder of one split: the folder above it is meant. */
function checkShards(place: string): void {
  // What lies in a file is none of its own.
  const file = [place, dirname(place)].find((one) => existsSync(one) && !statSync(one).isDirectory());
  const folder = file === undefined ? place : dirname(file);
  const isSplit = existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.tar'));
  if (file === undefined && !isSplit) return;
  const above = isSplit ? `, here ${join(folder, '..')}` : '';
  const received = file === undefined ? `${place}, which is one of these` : `the file ${place}`;
  throw expected(
    'a folder with a folder for each split',
    '--shards',
    received,
    `name the folder that holds train/${above}`,
  );
}

/** Where the features of the configured detector lie in a corpus, or a place in S3 like one. */
export const regionsDir = (corpusDir: string, { detector, onnx }: Config['regions']): string =>
  within(corpusDir, 'regions', detector === 'onnx' && onnx ? onnx.name : detector);

/** Where the features of the configured detector lie beside the shards. */
export const regionsOf = ({ dir }: DataPlace, settings: Config['regions']): string => regionsDir(dir, settings);
