/**
 * Region features as a column beside the shards: for `train/00000.tar` a tar of the same name with the same keys and four
 * NumPy members a sample. Floating point as halves: a feature takes two bytes a number, and boxes to a 2,000th of the side.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { expected } from '../../dataset/user-error.ts';
import { decodeNpy, encodeNpy } from '../formats/npy.ts';
import type { Regions } from './region.ts';

/** What a folder of columns was made with: `detector.json`. */
export interface ColumnsManifest {
  readonly name: string;
  readonly labels: readonly string[];
  /** D */
  readonly featureSize: number;
  /** The most regions a sample has. */
  readonly maxRegions: number;
  /** The detector's. */
  readonly settings?: Readonly<Record<string, number | string>>;
}

export const columnsManifestName = 'detector.json';

/** Reads it from the folder or the one above, of which the folder is a split. Throws a UserError when it is in neither. */
export function readColumnsManifest(folder: string): ColumnsManifest {
  const paths = [folder, dirname(resolve(folder))].map((dir) => join(dir, columnsManifestName));
  const path = paths.find((one) => existsSync(one));
  if (!path) throw expected('region features', folder, `no ${columnsManifestName}`, 'run lait regions first');
  return JSON.parse(readFileSync(path, 'utf8')) as ColumnsManifest;
}

/** Writes the manifest, or throws a UserError when the folder holds the features of another detector. */
export function claimColumns(folder: string, manifest: ColumnsManifest): void {
  const path = join(folder, columnsManifestName);
  if (!existsSync(path)) {
    writeFileAtomic(path, `${JSON.stringify(manifest, null, 2)}\n`);
    return;
  }
  const there = readColumnsManifest(folder);
  for (const key of ['name', 'featureSize', 'maxRegions', 'settings'] as const) {
    const [was, is] = [there[key], manifest[key]].map((value) => JSON.stringify(value) ?? 'none');
    if (was !== is) {
      throw expected(`${key} ${was}`, folder, is, 'give the regions of another detector another folder');
    }
  }
}

/** The fields of a sample. */
export const columnFields = ['boxes.npy', 'labels.npy', 'confidences.npy', 'features.npy'] as const;

type Fields = Record<(typeof columnFields)[number], Buffer>;

export function regionFields({ boxes, labels, confidences, features }: Regions): Fields {
  const R = labels.length;
  return {
    'boxes.npy': encodeNpy({ shape: [R, 4], values: boxes }, 'f2'),
    'labels.npy': encodeNpy({ shape: [R], values: labels }, 'i2'),
    'confidences.npy': encodeNpy({ shape: [R], values: confidences }, 'f2'),
    'features.npy': encodeNpy({ shape: [R, features.length / R], values: features }, 'f2'),
  };
}

/** Why a sample has no regions that can be used. */
export type RegionsFault = 'no-regions' | 'bad-regions' | 'not-finite';

/** The regions of a sample's fields, or the reason why there are none. Bytes that come from elsewhere are checked. */
export function regionsOf(
  fields: Readonly<Record<string, Buffer>>,
  { featureSize, labels: names }: Pick<ColumnsManifest, 'featureSize' | 'labels'>,
): Regions | RegionsFault {
  const [boxes, labels, confidences, features] = columnFields.map((name) => fields[name]);
  if (!boxes || !labels || !confidences || !features) return 'no-regions';
  let regions: Regions;
  try {
    const kind = decodeNpy(labels);
    const R = kind.shape[0] ?? 0;
    const floats = (file: Buffer, width: number) => {
      const { values } = decodeNpy(file);
      if (R === 0 || values.length !== R * width || values instanceof Int32Array)
        throw new RangeError('Another shape.');
      return values;
    };
    if (!(kind.values instanceof Int32Array) || kind.shape.length !== 1) return 'bad-regions';
    if (kind.values.some((label) => label < 0 || label >= names.length)) return 'bad-regions';
    regions = {
      boxes: floats(boxes, 4),
      labels: kind.values,
      confidences: floats(confidences, 1),
      features: floats(features, featureSize),
    };
  } catch (error) {
    if (error instanceof RangeError) return 'bad-regions';
    throw error;
  }
  return finite(regions.features) && finite(regions.boxes) ? regions : 'not-finite';
}

/** Zero times anything finite is zero: one addition a number, where `every` would be a call. */
function finite(values: Float32Array): boolean {
  let zero = 0;
  for (let index = 0; index < values.length; index++) zero += values[index]! * 0;
  return zero === 0;
}
