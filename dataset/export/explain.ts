/** `lait ledger explain`: the whole story of a pair, an image or a page, from where it was found to the shard it is in. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Waiting } from '../corpus-lock.ts';
import { failedPair } from '../ledger/evidence.ts';
import { exportedPlaces, exportRecords } from '../ledger/exports.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Gone } from '../ledger/origins.ts';
import { type Place, placesOfPair } from '../ledger/places.ts';
import { openLedgerToRead } from '../ledger/readable.ts';
import { currentRecipe, judgingOrder, scoreNameOf } from '../ledger/recipes.ts';
import { resizedFrom } from '../ledger/records.ts';
import { scoresOf } from '../ledger/scores.ts';
import {
  type StoredPair,
  storedPairsAbout,
  type Tombstone,
  tombstonesAbout,
  type WithoutPairs,
  withoutPairs,
} from '../ledger/stories.ts';
import { findInShards } from '../shards/find-in-shards.ts';
import { type Manifest, manifestIn } from '../shards/manifest.ts';
import { settleInTurn } from '../shards/settle-in-turn.ts';
import { expected } from '../user-error.ts';
import { indexExport } from './shard-index.ts';
import { versionOfShard } from './versions.ts';

/** What the current recipe's rule said of a pair. */
export interface RuleStory {
  readonly rule: string;
  readonly said: 'kept' | 'dropped' | 'not-asked';
  readonly reason: string | null;
  readonly score: number | null;
}

/** Where a pair is in an export. */
export interface ShardPlace {
  /** The export's folder. */
  readonly folder: string;
  /** `train/00000`. */
  readonly shard: string;
  /** Null where the image failed. */
  readonly key: string | null;
  /** `success`, or how the image failed. */
  readonly status: string;
  /** The version of the export that it came with; null where that has none. */
  readonly since: number | null;
}

export interface PairStory {
  readonly id: string;
  readonly imageUrl: string;
  readonly pageUrl: string;
  readonly pageTitle: string;
  readonly text: string;
  readonly cleanedText: string | null;
  readonly source: string;
  /** Why and since which visit it is not on the web any more; null when it is. */
  readonly gone: { readonly why: Gone; readonly since: string } | null;
  /** Other pages that give it too. */
  readonly otherPages: readonly string[];
  /** What the image is on the pages that give the pair, the best first, and why; empty where that is not known. */
  readonly places: readonly Place[];
  readonly pageStatus: string;
  readonly pageReason: string | null;
  readonly pageFetchedAt: string;
  readonly licenseUrl: string | null;
  /** Raw values of the rights signals of page and image. */
  readonly rights: {
    readonly page: Readonly<Record<string, string>>;
    readonly image: Readonly<Record<string, string>>;
  };
  readonly imageStatus: string;
  readonly imageReason: string | null;
  readonly imageFetchedAt: string | null;
  readonly image: {
    readonly format: string;
    readonly width: number;
    readonly height: number;
    /** Of the original, as all that is said here. */
    readonly byteLength: number;
    readonly sha256: string;
    readonly phash: string;
    readonly segment: number | null;
    readonly offset: number | null;
    /** The JPEG that `raw/` has in its place, where it does. */
    readonly stored?: { readonly sidePx: number; readonly quality: number; readonly byteLength: number };
  } | null;
  readonly verdict: 'kept' | 'dropped' | 'unjudged';
  readonly droppedBy: string | null;
  readonly reason: string | null;
  /** In the recipe's order; empty when the pair was not judged by the current recipe. */
  readonly rules: readonly RuleStory[];
  /** Where it was exported to; empty when it was not. */
  readonly shards: readonly ShardPlace[];
}

export interface Explanation {
  readonly asked: string;
  readonly pairs: readonly PairStory[];
  /** When what was asked for was taken down: by what and when. */
  readonly takenDown: readonly Tombstone[];
  /** When an image or a page was asked for that gave no pair: what became of it. */
  readonly without: readonly WithoutPairs[];
}

const isoOrNull = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/**
 * Tells everything about a pair's id (or its first six digits or more), an image's or a page's URL, or an image's SHA-256.
 * Throws a UserError when the ledger knows nothing of it.
 */
export async function explain(
  options: {
    readonly corpusDir: string;
    readonly what: string;
    /** Default: `shards` in the corpus. */
    readonly shardsDir?: string;
  },
  waiting: Waiting = {},
): Promise<Explanation> {
  const { corpusDir, what, shardsDir = join(corpusDir, 'shards') } = options;
  const { ledger, close } = await openLedgerToRead(corpusDir, waiting);
  try {
    const rows = storedPairsAbout(ledger, what);
    const without = withoutPairs(ledger, what);
    const takenDown = tombstonesAbout(ledger, what);
    if (rows.length === 0 && without.length === 0 && takenDown.length === 0) {
      throw expected('the id, URL or SHA-256 of something known', 'explain', what, 'look for it in a shard’s parquet');
    }
    const ids = rows.map(({ id }) => id);
    const places = await placesIn(ledger, corpusDir, shardsDir, ids);
    return { asked: what, pairs: rows.map((row) => story(ledger, row, places.get(row.id) ?? [])), takenDown, without };
  } finally {
    close();
  }
}

/**
 * The same of one pair by its whole id, and nothing is written: of exports it knows what the ledger's index says, which every export and
 * `explain` bring up to date, and shards of an import are not looked through. Null where the ledger has no such pair.
 */
export function storyOfPair(ledger: Ledger, corpusDir: string, id: string): PairStory | null {
  const row = storedPairsAbout(ledger, id).find((pair) => pair.id === id);
  if (row === undefined) return null;
  const exports: Exports = new Map();
  for (const { id: exportId, folder } of exportRecords(ledger, corpusDir)) {
    const manifest = manifestIn(folder);
    if (manifest?.export !== undefined) exports.set(exportId, { folder, manifest });
  }
  return story(ledger, row, indexedPlaces(ledger, exports, [id]).get(id) ?? []);
}

/** What is there of exports, by their number in the ledger. */
type Exports = Map<number, { readonly folder: string; readonly manifest: Manifest }>;

/** Places by pair, in every export that is still there. An import has no index: its tables are read. */
async function placesIn(
  ledger: Ledger,
  corpusDir: string,
  shardsDir: string,
  ids: readonly string[],
): Promise<Map<string, ShardPlace[]>> {
  const exports: Exports = new Map();
  for (const { folder } of [{ folder: shardsDir }, ...exportRecords(ledger, corpusDir)]) {
    await settleInTurn(folder);
    const manifest = manifestIn(folder);
    if (manifest?.export === undefined) continue;
    exports.set(await indexExport(ledger, corpusDir, folder, manifest, { mayLack: true }), { folder, manifest });
  }
  const places = indexedPlaces(ledger, exports, ids);
  const known = new Set([...exports.values()].map(({ folder }) => resolve(folder)));
  if (known.has(resolve(shardsDir)) || !existsSync(shardsDir)) return places;
  const wanted = new Set(ids);
  for (const { split, name, rows } of await findInShards(shardsDir, ({ uid }) => wanted.has(uid as string))) {
    for (const { uid, key, status } of rows) {
      const place = { folder: shardsDir, shard: `${split}/${name}`, since: null };
      put(places, uid as string, { ...place, key: (key as string | undefined) ?? null, status: status as string });
    }
  }
  return places;
}

function indexedPlaces(ledger: Ledger, exports: Exports, ids: readonly string[]): Map<string, ShardPlace[]> {
  const places = new Map<string, ShardPlace[]>();
  for (const { exportId, pairId, shard, key } of exportedPlaces(ledger, ids)) {
    const { folder, manifest } = exports.get(exportId) ?? {};
    if (folder === undefined || manifest === undefined) continue;
    const status = key === null ? failureOf(ledger, pairId) : 'success';
    put(places, pairId, { folder, shard, key, status, since: versionOfShard(manifest, shard) });
  }
  return places;
}

function put(places: Map<string, ShardPlace[]>, id: string, place: ShardPlace): void {
  const known = places.get(id);
  if (known === undefined) places.set(id, [place]);
  else known.push(place);
}

/** img2dataset's word for a pair without an image. */
const failureOf = (ledger: Ledger, id: string): string => {
  const status = failedPair(ledger, id)?.status;
  return status === undefined || status === 'failed_to_decode' ? 'failed_to_resize' : 'failed_to_download';
};

function lengthOf({
  byteLength,
  resized: json,
}: StoredPair): Pick<NonNullable<PairStory['image']>, 'byteLength' | 'stored'> {
  const resized = resizedFrom(json);
  if (resized === null) return { byteLength };
  const { sidePx, quality, originalByteLength } = resized;
  return { byteLength: originalByteLength, stored: { sidePx, quality, byteLength } };
}

function story(ledger: Ledger, row: StoredPair, shards: PairStory['shards']): PairStory {
  const { format, width, height, sha256, phash, segment, offset } = row;
  return {
    id: row.id,
    imageUrl: row.imageUrl,
    pageUrl: row.pageUrl,
    pageTitle: row.pageTitle,
    text: row.text,
    cleanedText: row.cleanedText,
    source: row.source,
    gone: row.gone === null ? null : { why: row.gone, since: new Date(row.goneAtMs ?? 0).toISOString() },
    otherPages: JSON.parse(row.otherPages),
    places: placesOfPair(ledger, row.id),
    pageStatus: row.pageStatus,
    pageReason: row.pageReason,
    pageFetchedAt: new Date(row.pageFetchedAtMs).toISOString(),
    licenseUrl: row.licenseUrl,
    rights: { page: JSON.parse(row.pageRights ?? '{}'), image: JSON.parse(row.imageRights ?? '{}') },
    imageStatus: row.imageStatus,
    imageReason: row.imageReason,
    imageFetchedAt: isoOrNull(row.imageFetchedAtMs),
    image: sha256 === null ? null : { format, width, height, ...lengthOf(row), sha256, phash, segment, offset },
    verdict: row.judgedBy === null ? 'unjudged' : row.droppedBy === null ? 'kept' : 'dropped',
    // A pair waiting to be judged again still carries its earlier verdict.
    droppedBy: row.judgedBy === null ? null : row.droppedBy,
    reason: row.judgedBy === null ? null : row.reason,
    rules: ruleStories(ledger, row),
    shards,
  };
}

/** What each rule of the current recipe said, as far as the pair came. */
function ruleStories(ledger: Ledger, row: StoredPair): RuleStory[] {
  const recipe = currentRecipe(ledger);
  if (recipe === null || row.judgedBy !== recipe.id) return [];
  const scores = { ...(row.sha256 === null ? {} : scoresOf(ledger, row.sha256)), ...scoresOf(ledger, row.id) };
  const scoreName = new Map(recipe.rules.map((rule) => [rule.name, scoreNameOf(rule)]));
  let isOut = false;
  return judgingOrder(recipe.rules).map(({ name: rule }) => {
    const isDropper = rule === row.droppedBy;
    const said = isDropper ? 'dropped' : isOut ? 'not-asked' : 'kept';
    if (isDropper) isOut = true;
    return { rule, said, reason: isDropper ? row.reason : null, score: scores[scoreName.get(rule) ?? rule] ?? null };
  });
}
