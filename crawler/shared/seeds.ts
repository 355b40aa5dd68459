/** The seeds of all workers: which there are since they were read last, and whether any of them could be read. */
import { type DeadSeeds, deadAmong } from '../input/seeds.ts';
import { recordedPages } from './record.ts';
import type { Store } from './store.ts';

export interface SharedSeeds {
  /** Reads what is new. By their number, since a seed that was numbered earlier may be seen later. */
  read(): Promise<void>;
  /** Those that were read since the last call. */
  found(): readonly string[];
}

export function openSeeds(store: Store): SharedSeeds {
  const known = new Set<string>();
  let found: string[] = [];
  return {
    async read() {
      const rows = await store.query<{ url: string }>(
        'SELECT url FROM lait.seeds WHERE (SELECT count(*) FROM lait.seeds) > $1 ORDER BY n',
        [known.size],
      );
      for (const { url } of rows) {
        if (!known.has(url)) found.push(url);
        known.add(url);
      }
    },
    found() {
      const all = found;
      found = [];
      return all;
    },
  };
}

/** In the order in which they came. */
export async function allSeeds(store: Store): Promise<readonly string[]> {
  const rows = await store.query<{ url: string }>('SELECT url FROM lait.seeds ORDER BY n');
  return rows.map(({ url }) => url);
}

/** The seeds, when no worker has read any page; then the record is that of the seeds and what they redirect to. */
export async function deadSeedsOf(store: Store): Promise<DeadSeeds> {
  const [read] = await store.query('SELECT FROM lait.read_pages LIMIT 1');
  if (read !== undefined) return { deadSeeds: [], isNoSeedRead: false };
  const seeds = await allSeeds(store);
  const pages = await recordedPages(store);
  return deadAmong(seeds, (url) => pages.get(url) ?? null);
}
