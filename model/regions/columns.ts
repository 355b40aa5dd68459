/**
 * Region features of pictures (`dataset/shards/picture-columns.ts`): four NumPy members under the SHA-256 of the picture as it stands
 * in a shard. Floating point as halves: a feature takes two bytes a number, and boxes to a 2,000th of the side.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, writeFileAtomic } from '../../dataset/atomic-file.ts';
import { readAt } from '../../dataset/blobs/open.ts';
import { within } from '../../dataset/blobs/place.ts';
import { expected } from '../../dataset/user-error.ts';
import { decodeNpy, decodeNpyHalves, encodeNpy } from '../formats/npy.ts';
import { floatsOf, halvesAreFinite } from '../runtime/half.ts';
import type { Detector, Regions } from './region.ts';

/** What a folder of columns was made with: `detector.json`. */
export interface ColumnsManifest {
  /** 2: by the picture's content. Without it: by the sample's key, as `old-columns.ts` reads them. */
  readonly layout: 2;
  readonly name: string;
  /** SHA-256 of the detector's weights; null for one that has none. */
  readonly model: string | null;
  readonly labels: readonly string[];
  /** D */
  readonly featureSize: number;
  /** The most regions a picture has. */
  readonly maxRegions: number;
  /** The detector's. */
  readonly settings?: Readonly<Record<string, number | string>>;
}

export const columnsManifestName = 'detector.json';

/** Reads that of a folder or a place in S3. Throws a UserError where there is none, or one of an older layout. */
export const readColumnsManifest = async (place: string): Promise<ColumnsManifest> =>
  checkedManifest(manifestFrom(await readAt(place, columnsManifestName), place), place);

function checkedManifest(manifest: AnyManifest | null, folder: string): ColumnsManifest {
  if (manifest === null)
    throw expected('region features', folder, `no ${columnsManifestName}`, 'run lait regions first');
  if (manifest.layout === 2) return manifest as ColumnsManifest;
  const received = 'features by the keys of samples, as an older lait wrote them';
  throw expected(
    'region features by the content of pictures',
    folder,
    received,
    'run lait regions, which converts them',
  );
}

/** The manifest of any layout; null where there is none. Throws a UserError where it cannot be read. */
export function columnsManifestIn(folder: string): AnyManifest | null {
  const path = join(folder, columnsManifestName);
  return manifestFrom(existsSync(path) ? readFileSync(path) : null, folder);
}

type AnyManifest = Partial<Omit<ColumnsManifest, 'layout'> & { layout: number }>;

function manifestFrom(bytes: Buffer | null, folder: string): AnyManifest | null {
  if (bytes === null) return null;
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof json === 'object' && json !== null) return json;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw expected(
    'JSON',
    within(folder, columnsManifestName),
    'something else',
    'remove the folder and run lait regions again',
  );
}

/** Which detector made a folder's features, in a word that changes with anything that decides them. */
export const columnsIdentity = (manifest: ColumnsManifest) => ({
  identity: digestOf(JSON.stringify(manifest)).sha256,
  model: manifest.model,
});

/** The manifest of what a detector gives when an image keeps at most so many regions. */
export const manifestOf = (
  { name, model, labels, featureSize, settings }: Omit<Detector, 'detect' | 'dispose' | 'batchSize'>,
  maxRegions: number,
): ColumnsManifest => ({ layout: 2, name, model, labels, featureSize, maxRegions, ...(settings && { settings }) });

/** Writes the manifest, or throws a UserError when the folder holds the features of another detector. */
export function claimColumns(folder: string, manifest: ColumnsManifest): void {
  const there = columnsManifestIn(folder);
  if (there === null) {
    writeFileAtomic(join(folder, columnsManifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    return;
  }
  checkSameDetector(folder, checkedManifest(there, folder), manifest);
}

/** Throws a UserError that names the first thing in which the features in a folder differ from those of a detector. */
export function checkSameDetector(
  folder: string,
  there: Partial<Omit<ColumnsManifest, 'layout'>>,
  manifest: ColumnsManifest,
): void {
  for (const key of ['name', 'model', 'featureSize', 'maxRegions', 'settings', 'labels'] as const) {
    const [was, is] = [there[key], manifest[key]].map((value) => JSON.stringify(value) ?? 'none');
    if (was !== is) {
      const advice = `give this detector another name, or remove ${folder} and run lait regions again`;
      throw expected(`${key} ${shortened(was)}`, folder, shortened(is), advice);
    }
  }
}

const shortened = (value = ''): string => (value.length <= 200 ? value : `${value.slice(0, 200)}…`);

/** The fields of a sample. */
export const columnFields = ['boxes.npy', 'labels.npy', 'confidences.npy', 'features.npy'] as const;

type Fields = Record<(typeof columnFields)[number], Buffer>;

export function regionFields({ boxes, labels, confidences, features }: Regions): Fields {
  const R = labels.length;
  return {
    'boxes.npy': encodeNpy({ shape: [R, 4], values: boxes }, 'f2'),
    'labels.npy': encodeNpy({ shape: [R], values: labels }, 'i2'),
    'confidences.npy': encodeNpy({ shape: [R], values: confidences }, 'f2'),
    'features.npy': encodeNpy({ shape: [R, features.length / R], values: floatsOf(features) }, 'f2'),
  };
}

/** The field of a picture in which nothing was detected because it cannot be decoded; what it holds is for people. */
export const undecodableField = 'undecodable';

/** Why a sample has no regions that can be used. */
export type RegionsFault = 'no-regions' | 'cannot-decode' | 'bad-regions' | 'not-finite';

/** The regions of a sample's fields, or the reason why there are none. Bytes that come from elsewhere are checked. */
export function regionsOf(
  fields: Readonly<Record<string, Buffer>>,
  { featureSize, labels: names }: Pick<ColumnsManifest, 'featureSize' | 'labels'>,
): Regions | RegionsFault {
  const [boxes, labels, confidences, features] = columnFields.map((name) => fields[name]);
  if (fields[undecodableField]) return 'cannot-decode';
  if (!boxes || !labels || !confidences || !features) return 'no-regions';
  let regions: Regions;
  try {
    const kind = decodeNpy(labels);
    const R = kind.shape[0] ?? 0;
    const checked = <Numbers>(values: Numbers | Int32Array, width: number): Numbers => {
      if (R === 0 || (values as Int32Array).length !== R * width || values instanceof Int32Array)
        throw new RangeError('Another shape.');
      return values;
    };
    const floats = (file: Buffer, width: number) => checked(decodeNpy(file).values, width);
    if (!(kind.values instanceof Int32Array) || kind.shape.length !== 1) return 'bad-regions';
    if (kind.values.some((label) => label < 0 || label >= names.length)) return 'bad-regions';
    regions = {
      boxes: floats(boxes, 4),
      labels: kind.values,
      confidences: floats(confidences, 1),
      features: checked(decodeNpyHalves(features).values, featureSize),
    };
  } catch (error) {
    if (error instanceof RangeError) return 'bad-regions';
    throw error;
  }
  return finite(regions.features) && finite(regions.boxes) ? regions : 'not-finite';
}

/** Zero times anything finite is zero: one addition a number, where `every` would be a call. */
function finite(values: Float32Array | Uint16Array): boolean {
  if (values instanceof Uint16Array) return halvesAreFinite(values);
  let zero = 0;
  for (let index = 0; index < values.length; index++) zero += values[index]! * 0;
  return zero === 0;
}
