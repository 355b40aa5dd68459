/** What a folder of shards holds already, and where a further import has its place in it. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CardOptions } from '../export/card.ts';
import type { ImportConfiguration, ImportedPart } from '../export/finish-import.ts';
import { shardDefaults } from '../shards/defaults.ts';
import { type FinishedShard, finishedShards } from '../shards/indexes.ts';
import { manifestName, readManifest } from '../shards/manifest.ts';
import { isEmpty } from '../shards/staging.ts';
import { expected } from '../user-error.ts';
import type { ImportIdentity } from './identity.ts';

export interface Existing {
  readonly imports: readonly ImportedPart[];
  readonly card: CardOptions;
  /** Shards of one import, as `train/00000`. */
  ownShards(sha256: string): readonly string[];
  /** All shards but these, by split. */
  keptShards(but: ReadonlySet<string>): Record<string, FinishedShard[]>;
  /** Paths of all files that its manifest names. */
  readonly files: readonly string[];
}

/** What is there. Throws a UserError when it is no import: what was crawled and what others made never mix. */
export function existingImport(outDir: string): Existing {
  if (isEmpty(outDir)) return { imports: [], card: {}, ownShards: () => [], keptShards: () => ({}), files: [] };
  const advice = 'import into another corpus (--corpus DIR)';
  if (!existsSync(join(outDir, manifestName))) {
    const some = readdirSync(outDir).slice(0, 3).join(', ');
    throw expected('an empty folder or an import', basename(outDir), `files without a manifest: ${some}`, advice);
  }
  const manifest = readManifest(outDir);
  const { source, imports, card = {} } = manifest.configuration as Partial<ImportConfiguration>;
  if (source !== 'import') {
    throw expected('an empty folder or an import', basename(outDir), 'shards of what was crawled here', advice);
  }
  const all = finishedShards(outDir, Object.keys(manifest.samples));
  // An import of an older version does not say what it was made of: all of it is one.
  const everything = Object.entries(all).flatMap(([split, of]) => of.map(({ name }) => `${split}/${name}`));
  const { failed = {} } = manifest.configuration as Partial<ImportConfiguration>;
  const parts = imports ?? [{ from: 'unknown', names: [], sha256: '', shards: everything, failed }];
  return {
    imports: parts,
    card,
    ownShards: (sha256) => parts.find((part) => part.sha256 === sha256)?.shards ?? [],
    keptShards: (but) =>
      Object.fromEntries(
        Object.entries(all).map(([split, of]) => [split, of.filter(({ name }) => !but.has(`${split}/${name}`))]),
      ),
    files: Object.keys(manifest.files),
  };
}

/**
 * The numbers that a split's new shards get: those that the same import had before, then free ones. Throws a UserError when another
 * import has made the split and `merge` was not asked for.
 */
export function placesFor(
  existing: Existing,
  split: string,
  { sha256 }: ImportIdentity,
  options: { readonly shardDigits?: number; readonly merge: boolean },
): (number: number) => number {
  const own = new Set(existing.ownShards(sha256));
  const others = (existing.keptShards(own)[split] ?? []).map(({ name }) => name);
  const { shardDigits } = { ...shardDefaults, ...options };
  if (others.length > 0 && !options.merge) {
    const from = existing.imports.find(({ shards }) => shards.includes(`${split}/${others[0]}`));
    const name = from === undefined || from.names.length === 0 ? 'another import' : from.names[0];
    const advice = '--merge adds to it, --split gives another name, --corpus another place';
    throw expected('a split that is not there yet', 'import', `${split}, which ${name} has made`, advice);
  }
  if (others.some((name) => name.length !== shardDigits)) {
    throw expected(`numbers of ${others[0]!.length} digits`, 'shardDigits', shardDigits, 'as the shards there have');
  }
  const before = [...own].filter((shard) => shard.startsWith(`${split}/`)).map((shard) => Number(basename(shard)));
  const taken = Math.max(-1, ...others.map(Number), ...before);
  return (number) => before[number] ?? taken + 1 + number - before.length;
}
