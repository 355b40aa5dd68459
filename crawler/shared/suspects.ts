/**
 * URLs by which workers die (crawler/frontier/deaths.ts has why). What a worker had under way when it died nobody tells: the first URLs of its
 * hosts are suspected. Who takes a URL that was suspected as often as it takes asks it alone, and says so in the queue before; a death then
 * has one cause. Deaths of workers that had one alone make no other suspects, and suspicion alone gives nothing up.
 */
import { aloneAfterDeaths, givenUpAfterDeaths } from '../frontier/deaths.ts';
import type { Query, Store } from './store.ts';

/** URLs of a host that are taken at once: each costs the server less, and none waits longer than so many pauses. */
export const urlsPerHost = 8;

/** Whether nothing else may be under way beside it. */
export const isAskedAlone = ({ deaths }: { readonly deaths: number }): boolean =>
  deaths >= aloneAfterDeaths && deaths < givenUpAfterDeaths;

/** Counts the deaths of workers, which still have their hosts. */
export async function countDeaths(query: Query, workers: readonly string[]): Promise<void> {
  await query(
    `WITH front AS MATERIALIZED (
       SELECT h.worker, n.url_host, n.hash, coalesce(n.asked_by = h.worker, false) AS is_alone
       FROM lait.hosts h CROSS JOIN LATERAL (
         SELECT q.url_host, q.hash, q.asked_by FROM lait.queue q
         WHERE q.host = h.id AND (q.not_before IS NULL OR q.not_before <= now())
         ORDER BY q.priority DESC, q.seq LIMIT $2) n
       WHERE h.worker = ANY ($1::bigint[]))
     UPDATE lait.queue q SET asked_by = NULL,
       deaths = CASE WHEN f.is_alone THEN q.deaths + 1 ELSE greatest(q.deaths, least(q.deaths + 1, $3)) END
     FROM front f WHERE q.url_host = f.url_host AND q.hash = f.hash
       AND (f.is_alone OR NOT EXISTS (SELECT FROM front a WHERE a.worker = f.worker AND a.is_alone))`,
    [workers, urlsPerHost, aloneAfterDeaths],
  );
}

/** Says that a URL is asked alone from now on. */
export async function noteAlone(
  store: Store,
  { id }: { readonly id: string },
  { urlHost, hash }: { readonly urlHost: string; readonly hash: string },
): Promise<void> {
  await store.query('UPDATE lait.queue SET asked_by = $1 WHERE url_host = $2 AND hash = $3', [id, urlHost, hash]);
}
