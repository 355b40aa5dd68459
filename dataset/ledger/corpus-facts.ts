/** What a dataset card tells of a corpus beyond its shards: when it was collected, from where, under which terms. */

import { type Funnel, funnel } from './funnel.ts';
import type { Ledger } from './ledger.ts';
import { survivorsOf } from './survivors.ts';

export interface Count {
  readonly name: string;
  readonly count: number;
}

export interface CorpusFacts {
  readonly funnel: Funnel;
  /** Days of the first and the last page, `2026-01-31`; null when there is no page. */
  readonly collected: { readonly from: string; readonly to: string } | null;
  readonly pages: readonly Count[];
  /** Kept pairs by the host of the page, most first; at most ten. */
  readonly hosts: readonly Count[];
  readonly hostCount: number;
  readonly sources: readonly Count[];
  /** Kept pairs by the licence link found on their page; '' for none. */
  readonly licenses: readonly Count[];
  /** Pages by right signal seen on them, such as `robots.txt` or `x-robots-tag`. */
  readonly rightsSignals: readonly Count[];
  /** Pages and images that were not taken, by reason; without images that are a page's decoration. */
  readonly refusals: readonly Count[];
}

/** Counts over the whole corpus; the survivors' are of the current recipe, with or without what is not on the web any more. */
export function corpusFacts(ledger: Ledger, { gone = 'drop' }: { readonly gone?: 'keep' | 'drop' } = {}): CorpusFacts {
  const survivors = survivorsOf(gone);
  const counts = (sql: string) => ledger.db.prepare(`${sql} GROUP BY 1 ORDER BY count DESC, name`).all() as Count[];
  const { first, last } = ledger.db
    .prepare('SELECT min(fetched_at_ms) AS first, max(fetched_at_ms) AS last FROM pages')
    .get() as { first: number | null; last: number | null };
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const hosts = new Map<string, number>();
  const pageUrls = ledger.db.prepare(`SELECT page_url FROM ${survivors}`).pluck();
  for (const url of pageUrls.iterate() as Iterable<string>) {
    const host = URL.canParse(url) ? new URL(url).hostname : '';
    hosts.set(host, (hosts.get(host) ?? 0) + 1);
  }
  return {
    funnel: funnel(ledger, { gone }),
    collected: first === null || last === null ? null : { from: day(first), to: day(last) },
    pages: counts('SELECT status AS name, count(*) AS count FROM pages'),
    hosts: [...hosts]
      .map(([name, count]) => ({ name, count }))
      .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
      .slice(0, 10),
    hostCount: hosts.size,
    sources: counts(`SELECT source AS name, count(*) AS count FROM ${survivors}`),
    licenses: counts(`SELECT coalesce(g.license_url, '') AS name, count(*) AS count
       FROM ${survivors} s JOIN pairs p ON p.rowid = s.row JOIN pages g ON g.id = p.page_id`),
    rightsSignals: counts(`SELECT j.key AS name, count(*) AS count FROM pages, json_each(pages.rights) AS j`),
    refusals: counts(
      `SELECT reason AS name, count(*) AS count FROM
         (SELECT reason FROM pages WHERE status = 'refused' UNION ALL SELECT reason FROM images WHERE status = 'refused')
       WHERE reason NOT LIKE 'decoration-%'`,
    ),
  };
}
