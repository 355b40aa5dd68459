/** `lait ledger explain`: the whole story of a pair, an image or a page, from where it was found to the shard it is in. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger } from '../ledger/ledger.ts';
import type { Gone } from '../ledger/origins.ts';
import { currentRecipe, judgingOrder } from '../ledger/recipes.ts';
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
import { expected } from '../user-error.ts';

/** What the current recipe's rule said of a pair. */
export interface RuleStory {
  readonly rule: string;
  readonly said: 'kept' | 'dropped' | 'not-asked';
  readonly reason: string | null;
  readonly score: number | null;
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
    readonly byteLength: number;
    readonly sha256: string;
    readonly phash: string;
    readonly segment: number | null;
    readonly offset: number | null;
  } | null;
  readonly verdict: 'kept' | 'dropped' | 'unjudged';
  readonly droppedBy: string | null;
  readonly reason: string | null;
  /** In the recipe's order; empty when the pair was not judged by the current recipe. */
  readonly rules: readonly RuleStory[];
  /** `train/00000` and the sample's key; empty when it was not exported. */
  readonly shards: readonly { readonly shard: string; readonly key: string | null; readonly status: string }[];
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
export async function explain(options: {
  readonly corpusDir: string;
  readonly what: string;
  /** Default: `shards` in the corpus. */
  readonly shardsDir?: string;
}): Promise<Explanation> {
  const { corpusDir, what, shardsDir = join(corpusDir, 'shards') } = options;
  const ledger = Ledger.openExisting(corpusDir);
  try {
    const rows = storedPairsAbout(ledger, what);
    const without = withoutPairs(ledger, what);
    const takenDown = tombstonesAbout(ledger, what);
    if (rows.length === 0 && without.length === 0 && takenDown.length === 0) {
      throw expected('the id, URL or SHA-256 of something known', 'explain', what, 'look for it in a shard’s parquet');
    }
    const ids = new Set(rows.map(({ id }) => id));
    const found = existsSync(shardsDir) ? await findInShards(shardsDir, (row) => ids.has(row.uid as string)) : [];
    const shardsOf = (id: string): PairStory['shards'] =>
      found.flatMap(({ split, name, rows: matches }) =>
        matches
          .filter(({ uid }) => uid === id)
          .map(({ key, status }) => ({
            shard: `${split}/${name}`,
            key: (key as string | undefined) ?? null,
            status: status as string,
          })),
      );
    return { asked: what, pairs: rows.map((row) => story(ledger, row, shardsOf(row.id))), takenDown, without };
  } finally {
    ledger.close();
  }
}

function story(ledger: Ledger, row: StoredPair, shards: PairStory['shards']): PairStory {
  const { format, width, height, byteLength, sha256, phash, segment, offset } = row;
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
    pageStatus: row.pageStatus,
    pageReason: row.pageReason,
    pageFetchedAt: new Date(row.pageFetchedAtMs).toISOString(),
    licenseUrl: row.licenseUrl,
    rights: { page: JSON.parse(row.pageRights ?? '{}'), image: JSON.parse(row.imageRights ?? '{}') },
    imageStatus: row.imageStatus,
    imageReason: row.imageReason,
    imageFetchedAt: isoOrNull(row.imageFetchedAtMs),
    image: sha256 === null ? null : { format, width, height, byteLength, sha256, phash, segment, offset },
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
  let isOut = false;
  return judgingOrder(recipe.rules).map(({ name: rule }) => {
    const isDropper = rule === row.droppedBy;
    const said = isDropper ? 'dropped' : isOut ? 'not-asked' : 'kept';
    if (isDropper) isOut = true;
    return { rule, said, reason: isDropper ? row.reason : null, score: scores[rule] ?? null };
  });
}
