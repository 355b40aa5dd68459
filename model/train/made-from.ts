/**
 * What a run is made from: the data of each corpus and split by its content, and the weights that it began with. Every checkpoint names
 * it, and a run that goes on compares.
 */
import { basename, dirname } from 'node:path';
import { compareSets, type SetIdentity } from '../../dataset/shards/set-identity.ts';
import { UserError } from '../../dataset/user-error.ts';
import { filesSha256 } from '../formats/file-hash.ts';
import { knownSha256 } from './checksums.ts';

/** The shards of a split, and the features of their pictures. */
export interface DataIdentity {
  /** The folder, for messages: the same data elsewhere is the same data. */
  readonly corpus: string;
  readonly split: string;
  /** Of a mixture. */
  readonly share: number;
  readonly version: number | null;
  readonly sha256: string;
  /** By path: what changed can be named. */
  readonly shards: Readonly<Record<string, string>>;
  /** Of the detector's manifest. */
  readonly features: string;
  /** SHA-256 of the detector's weights. */
  readonly detectorModel: string | null;
  /** Where earlier versions told its pictures apart by other ids: how they are told apart. */
  readonly picturesBy?: 'content';
}

export interface MadeFrom {
  readonly data: readonly DataIdentity[];
  /** SHA-256 of the weights that the run began with; null for none. */
  readonly start: string | null;
}

export function dataIdentity(
  { corpus, split, share }: Pick<DataIdentity, 'corpus' | 'split' | 'share'>,
  { version, sha256, shards }: SetIdentity,
  columns: { readonly identity: string; readonly model: string | null },
): DataIdentity {
  const own = { corpus, split, share, version, sha256, shards: Object.fromEntries(shards) };
  return { ...own, features: columns.identity, detectorModel: columns.model };
}

/** The SHA-256 of a file of weights, from its checkpoint's sums where it lies in one. */
export const weightsSha256 = (path: string): string =>
  knownSha256(dirname(path), basename(path)) ?? filesSha256([path]);

/** What a run of these options is made from; undefined where its data cannot be named. */
export const madeFromOf = ({
  data,
  startFrom,
}: {
  readonly data?: readonly DataIdentity[] | undefined;
  readonly startFrom?: string | undefined;
}): MadeFrom | undefined => data && { data, start: startFrom === undefined ? null : weightsSha256(startFrom) };

/** A sentence part for each thing in which a run would go on with something else than it was made from. */
export function differences(was: MadeFrom, is: MadeFrom): string[] {
  const found: string[] = [];
  const name = ({ corpus, split }: DataIdentity) => `${split} of ${corpus}`;
  for (let at = 0; at < Math.max(was.data.length, is.data.length); at += 1) {
    const [before, now] = [was.data[at], is.data[at]];
    if (before === undefined || now === undefined) {
      found.push(now === undefined ? `${name(before!)} is no longer used` : `${name(now)} is new`);
    } else if (before.split !== now.split) found.push(`${name(before)} became ${name(now)}`);
    else {
      if (before.sha256 !== now.sha256) found.push(`${name(now)}${versions(before, now)}: ${changesOf(before, now)}`);
      if (before.share !== now.share) found.push(`the share of ${now.corpus} is ${now.share} and was ${before.share}`);
      if (before.features !== now.features) found.push(`features of ${name(now)} by another detector or setting`);
      if (now.picturesBy && !before.picturesBy)
        found.push(`pictures of ${name(now)} are told apart by their content, and were by image_id or key`);
    }
  }
  if (was.start !== is.start) found.push('the weights that it began with');
  return found;
}

const versions = ({ version: was }: DataIdentity, { version: is }: DataIdentity): string =>
  was === is ? '' : ` (version ${was ?? 'unknown'}, now ${is ?? 'unknown'})`;

function changesOf(before: DataIdentity, now: DataIdentity): string {
  const { added, removed, changed } = compareSets(
    new Map(Object.entries(before.shards)),
    new Map(Object.entries(now.shards)),
  );
  const parts = [[changed, 'changed'], [added, 'added'], [removed, 'removed']] as const; // biome-ignore format: one line
  const told = parts.flatMap(([shards, what]) => (shards.length === 0 ? [] : [`${shards.length} ${what}`]));
  return `of ${Object.keys(before.shards).length} shards ${told.join(', ')}`;
}

/**
 * Throws a UserError that names what changed since a checkpoint, unless the operator said that it may. Gives what to note in
 * the checkpoints to come.
 */
export function checkMadeFrom(
  { dir, was, is }: { readonly dir: string; readonly was: MadeFrom | undefined; readonly is: MadeFrom },
  dataChanged: 'ok' | undefined,
): 'same' | 'changed' | 'unknown' {
  if (was === undefined) return 'unknown';
  const found = differences(was, is);
  if (found.length === 0) return 'same';
  if (dataChanged === 'ok') return 'changed';
  throw new UserError(
    `Expected what ${dir} was made from but received something else: ${found.join('; ')}; give --data-changed ok to go on with it, or another --run to begin anew.`,
  );
}

/** Throws a UserError for a detector with other weights than those whose regions a model has learned, where its checkpoint names them. */
export function checkDetectorModel(
  { dir, madeFrom }: { readonly dir: string; readonly madeFrom: MadeFrom | undefined },
  model: string | null,
): void {
  const learned = madeFrom?.data[0]?.detectorModel;
  if (learned === undefined || learned === model) return;
  throw new UserError(
    `Expected the detector with weights ${String(learned).slice(0, 12)}, which ${dir} learned from, but received one of the same name with ${String(model).slice(0, 12)}; use that one, or train anew.`,
  );
}
