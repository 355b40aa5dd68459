/**
 * URLs by which workers die (crawler/frontier/deaths.ts has why). What a worker had under way when it died nobody tells: the first URLs of its
 * hosts are suspected. Who takes a URL that was suspected as often as it takes asks it alone, and says so in the queue before; a death then
 * has one cause. Deaths of workers that had one alone make no other suspects, and suspicion alone gives nothing up.
 */
import { aloneAfterDeaths, givenUpAfterDeaths } from '../frontier/deaths.ts';
import type { Query, Store } from './store.ts';

/** URLs of a host that are taken at once: each costs the server less, and none waits longer than so many pauses. */
export const urlsPerHost = 8;

/** With so many requests to one host at the same time. */
export const takenPerHost = (perHost: number): number => Math.max(urlsPerHost, perHost);

/**
 * Suspects that one death makes, at most: each is asked alone. Ours: about as many hosts as a worker has with the usual settings, of whose first
 * URLs most are chosen, so that two deaths find what kills, and the end of all workers at once costs minutes.
 */
const maxSuspects = 256;

/** Whether nothing else may be under way beside it. */
export const isAskedAlone = ({ deaths }: { readonly deaths: number }): boolean =>
  deaths >= aloneAfterDeaths && deaths < givenUpAfterDeaths;

/**
 * Counts the deaths of workers, which still have their hosts. Of more URLs than one death may make suspects those go first that it would make
 * to be asked alone, then by chance, the first of their hosts rather.
 */
export async function countDeaths(query: Query, workers: readonly string[]): Promise<void> {
  await query(
    `WITH front AS MATERIALIZED (
       SELECT h.worker, n.url_host, n.hash, n.deaths, n.place, coalesce(n.asked_by = h.worker, false) AS is_alone
       FROM lait.hosts h JOIN lait.workers w ON w.id = h.worker CROSS JOIN LATERAL (
         SELECT q.url_host, q.hash, q.deaths, q.asked_by, row_number() OVER (ORDER BY q.priority DESC, q.seq) AS place
         FROM lait.queue q WHERE q.host = h.id AND (q.not_before IS NULL OR q.not_before <= now())
         ORDER BY q.priority DESC, q.seq LIMIT coalesce(w.per_host, $2)) n
       WHERE h.worker = ANY ($1::bigint[])),
     chosen AS MATERIALIZED (
       SELECT url_host, hash, is_alone, row_number() OVER (PARTITION BY worker ORDER BY deaths DESC, random() * place) AS n
       FROM front f WHERE is_alone
         OR (deaths < $3 AND NOT EXISTS (SELECT FROM front a WHERE a.worker = f.worker AND a.is_alone)))
     UPDATE lait.queue q SET asked_by = NULL, deaths = q.deaths + 1
     FROM chosen c WHERE q.url_host = c.url_host AND q.hash = c.hash AND (c.is_alone OR c.n <= $4)`,
    [workers, urlsPerHost, aloneAfterDeaths, maxSuspects],
  );
}

interface Row {
  readonly urlHost: string;
  readonly hash: string;
}

/** Counts a death of which the cause is known. */
export async function countDeath(store: Store, { urlHost, hash }: Row): Promise<void> {
  await store.query('UPDATE lait.queue SET deaths = deaths + 1, asked_by = NULL WHERE url_host = $1 AND hash = $2', [
    urlHost,
    hash,
  ]);
}

/** Says that a URL is asked alone from now on, by nobody where `worker` is null. */
export async function noteAlone(store: Store, worker: string | null, { urlHost, hash }: Row): Promise<void> {
  await store.query('UPDATE lait.queue SET asked_by = $1 WHERE url_host = $2 AND hash = $3', [worker, urlHost, hash]);
}
