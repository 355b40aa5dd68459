/**
 * Writes a batch as one transaction. It begins with the worker's own row: one that was declared dead has none that is alive, and a batch
 * whose answer was lost on the way is known by its number. Rows that several workers may insert are inserted in one order.
 */
import { kinds, type NewUrl } from '../frontier/schema.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import { type PreparedBatch, unknownAmong } from './batch.ts';
import { countFound } from './count-found.ts';
import type { Lease } from './lease.ts';
import { hostIdOf, hostNameIn, urlHashOf, uuidOf } from './names.ts';
import { noteVisits } from './revisits.ts';
import type { Query, Store } from './store.ts';

/** A row of the queue. */
interface QueueRow {
  readonly urlHost: string;
  readonly hash: string;
}

/** What becomes of a URL that is not finished. */
export interface Returned extends QueueRow {
  /** The host that is asked next, where that is another one. */
  readonly movedTo: { readonly at: string; readonly hops: number } | null;
  readonly isFailed: boolean;
  readonly putOffMs: number | null;
}

/** What a host is after the batch. */
export interface HostChange {
  readonly id: string;
  /** Until the next request, in ms from now. */
  readonly pauseMs: number;
  readonly isLetGo: boolean;
  readonly pages: number;
  readonly readPages: number;
  readonly failures: number;
  readonly renderTries: number;
  readonly renderGains: number;
}

/** All of an origin's URLs in a host's queue wait. */
export interface PutOff {
  readonly host: string;
  readonly origin: string;
  readonly ms: number;
}

export interface BatchToWrite extends PreparedBatch {
  /** The record: gzip of a JSON array. */
  readonly record: Buffer;
  readonly finished: readonly QueueRow[];
  /** Names under which something was fetched, each with a URL that was finished by it. */
  readonly aliases: readonly (NewUrl & { readonly hash: string })[];
  readonly returned: readonly Returned[];
  readonly putOff: readonly PutOff[];
  readonly hosts: readonly HostChange[];
  /** Other hosts that were asked for parts, and their pauses in ms. */
  readonly rests: readonly { readonly url: string; readonly pauseMs: number }[];
  readonly newSeeds: readonly string[];
  readonly pages: number;
  readonly images: number;
  readonly bytes: number;
}

/** What the tables say after a batch. */
export interface Written {
  /** By host, how long it is left alone, in ms: pages of others may have loaded parts from it. */
  readonly pauses: ReadonlyMap<string, number>;
}

/** Returns null, and writes nothing, when the worker was declared dead. */
export function writeBatch(store: Store, lease: Lease, batch: BatchToWrite): Promise<Written | null> {
  return store.atomically(async (query) => {
    const alive = await query(
      `UPDATE lait.workers SET batch = batch + 1, seen_at = now(), pages = pages + $3, images = images + $4, bytes = bytes + $5
       WHERE id = $1 AND ended_at IS NULL AND batch = $2 RETURNING id`,
      [lease.id, lease.batch, batch.pages, batch.images, batch.bytes],
    );
    if (alive.length === 0) {
      const [row] = await query<{ batch: string }>('SELECT batch FROM lait.workers WHERE id = $1', [lease.id]);
      return Number(row?.batch) === lease.batch + 1 ? { pauses: new Map() } : null;
    }
    await query('INSERT INTO lait.batches (worker, batch, outcomes) VALUES ($1, $2, $3)', [
      lease.id,
      lease.batch + 1,
      batch.record,
    ]);
    await noteVisits(
      query,
      batch.outcomes.map(({ outcome }) => outcome),
    );
    const moved = batch.returned.filter(({ movedTo }) => movedTo !== null);
    await addHosts(query, [
      ...batch.outcomes.flatMap(({ newUrls }) => newUrls.map(({ url }) => url)),
      ...moved.map(({ movedTo }) => movedTo!.at),
      ...batch.aliases.map(({ url }) => url),
    ]);
    const fresh = await addUrls(
      query,
      batch.outcomes.flatMap(({ newUrls }) => newUrls),
    );
    await addSeeds(query, batch.newSeeds);
    await addSitemapTexts(
      query,
      batch.outcomes.flatMap(({ outcome }) => outcome.sitemapTexts ?? []),
    );
    await countFound(query, batch, fresh);
    await addAliases(query, batch.aliases);
    await removeFromQueue(query, [
      ...batch.finished,
      ...batch.aliases.map(({ url, hash }) => ({ urlHost: hostIdOf(hostNameIn(url)), hash })),
    ]);
    await putBack(query, batch.returned);
    for (const one of batch.putOff) await putOff(query, one);
    await restHosts(query, batch.rests);
    return { pauses: await changeHosts(query, lease, batch.hosts) };
  });
}

/** Queues URLs that are new to the store, with their hosts; for what belongs to no batch. */
export async function queueUrls(store: Store, urls: readonly NewUrl[]): Promise<void> {
  const unknown = await unknownAmong(store.query, urls);
  const fresh = urls.filter(({ kind, url }) => unknown.has(urlHashOf(kind, url)));
  if (fresh.length === 0) return;
  await store.atomically(async (query) => {
    await addHosts(
      query,
      fresh.map(({ url }) => url),
    );
    await addUrls(query, fresh);
  });
}

async function addHosts(query: Query, urls: readonly string[]): Promise<void> {
  const names = [...new Set(urls.map(hostNameIn))];
  if (names.length === 0) return;
  await query(
    `INSERT INTO lait.hosts (id, name) SELECT id, name FROM unnest($1::bigint[], $2::text[]) n (id, name)
     WHERE NOT EXISTS (SELECT FROM lait.hosts h WHERE h.id = n.id) ORDER BY id ON CONFLICT DO NOTHING`,
    [names.map(hostIdOf), names],
  );
}

/** Returns the hashes of those that are new. */
async function addUrls(
  query: Query,
  urls: readonly (NewUrl & { readonly page?: string })[],
): Promise<ReadonlySet<string>> {
  const unique = new Map<string, NewUrl & { readonly page?: string }>();
  for (const url of urls) {
    const hash = urlHashOf(url.kind, url.url);
    if (!unique.has(hash)) unique.set(hash, url);
  }
  if (unique.size === 0) return new Set();
  const rows = [...unique.values()];
  const added = await query<{ hash: string }>(
    `INSERT INTO lait.urls (host, hash, kind, url, depth, priority, written, referrer_policy, page)
     SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::text[], $5::smallint[], $6::smallint[], $7::text[], $8::text[], $9::text[])
       n (host, hash, a, b, c, d, e, f, g)
     ORDER BY host, hash ON CONFLICT DO NOTHING RETURNING hash`,
    [
      rows.map(({ url }) => hostIdOf(hostNameIn(url))),
      [...unique.keys()],
      rows.map(({ kind }) => kinds.indexOf(kind)),
      rows.map(({ url }) => url),
      rows.map(({ depth }) => depth),
      rows.map((row) => row.priority),
      rows.map(({ written }) => written ?? null),
      rows.map(({ referrerPolicy }) => referrerPolicy ?? null),
      rows.map(({ page }) => page ?? null),
    ],
  );
  const fresh = new Set(added.map(({ hash }) => hash));
  if (fresh.size === 0) return fresh;
  // In the order in which they were found, which is that of the queue.
  const queued = [...unique].filter(([hash]) => fresh.has(hash));
  const hosts = queued.map(([, { url }]) => hostIdOf(hostNameIn(url)));
  await query(
    `INSERT INTO lait.queue (host, url_host, hash, priority, hops)
     SELECT host, host, hash, priority, hops FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::smallint[])
       WITH ORDINALITY q (host, hash, priority, hops, n) ORDER BY n`,
    [
      hosts,
      queued.map(([hash]) => hash),
      queued.map(([, one]) => one.priority),
      queued.map(([, { hops = 0 }]) => hops),
    ],
  );
  await wake(query, [...new Set(hosts)]);
  return fresh;
}

/** Says that hosts have URLs in the queue. */
export async function wake(query: Query, hosts: readonly string[]): Promise<void> {
  if (hosts.length === 0) return;
  await query(
    `WITH idle AS (
       SELECT id FROM lait.hosts WHERE id = ANY ($1::bigint[]) AND NOT waiting ORDER BY id FOR NO KEY UPDATE)
     UPDATE lait.hosts h SET waiting = true FROM idle WHERE h.id = idle.id`,
    [hosts],
  );
}

export async function addSeeds(query: Query, seeds: readonly string[]): Promise<void> {
  if (seeds.length === 0) return;
  const unique = [...new Set(seeds)];
  await query(
    `INSERT INTO lait.seeds (hash, url) SELECT hash, url FROM unnest($1::uuid[], $2::text[]) s (hash, url)
     ORDER BY hash ON CONFLICT DO NOTHING`,
    [unique.map(uuidOf), unique],
  );
}

async function addSitemapTexts(query: Query, texts: readonly SitemapTexts[]): Promise<void> {
  if (texts.length === 0) return;
  await query(
    `INSERT INTO lait.sitemap_texts (page, hash, page_url, image_url, text, image_written)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) t (page, hash, a, b, c, d)
     ORDER BY page, hash ON CONFLICT DO NOTHING`,
    [
      texts.map(({ pageUrl }) => uuidOf(pageUrl)),
      texts.map(({ imageUrl, text }) => uuidOf(`${imageUrl}\n${text}`)),
      texts.map(({ pageUrl }) => pageUrl),
      texts.map(({ imageUrl }) => imageUrl),
      texts.map(({ text }) => text.replaceAll('\0', '')),
      texts.map(({ imageWritten }) => imageWritten ?? null),
    ],
  );
}

async function addAliases(query: Query, aliases: BatchToWrite['aliases']): Promise<void> {
  if (aliases.length === 0) return;
  await query(
    `INSERT INTO lait.urls (host, hash, kind, url, depth, priority)
     SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::text[], $5::smallint[], $6::smallint[]) a (host, hash, b, c, d, e)
     ORDER BY host, hash ON CONFLICT DO NOTHING`,
    [
      aliases.map(({ url }) => hostIdOf(hostNameIn(url))),
      aliases.map(({ hash }) => hash),
      aliases.map(({ kind }) => kinds.indexOf(kind)),
      aliases.map(({ url }) => url),
      aliases.map(({ depth }) => depth),
      aliases.map(({ priority }) => priority),
    ],
  );
}

async function removeFromQueue(query: Query, rows: readonly QueueRow[]): Promise<void> {
  if (rows.length === 0) return;
  await query(
    `DELETE FROM lait.queue q USING unnest($1::bigint[], $2::uuid[]) f (url_host, hash)
     WHERE q.url_host = f.url_host AND q.hash = f.hash`,
    [rows.map(({ urlHost }) => urlHost), rows.map(({ hash }) => hash)],
  );
}

/** One that failed comes after the others of its host. */
async function putBack(query: Query, returned: readonly Returned[]): Promise<void> {
  if (returned.length === 0) return;
  const hosts = returned.map(({ movedTo }) => (movedTo === null ? null : hostIdOf(hostNameIn(movedTo.at))));
  await query(
    `UPDATE lait.queue q SET tries = q.tries + r.failed, deaths = CASE WHEN r.failed > 0 THEN 0 ELSE q.deaths END, asked_by = NULL, priority = q.priority - r.back, host = coalesce(r.host, q.host),
       at = coalesce(r.at, q.at), hops = coalesce(r.hops, q.hops), not_before = now() + r.ms * interval '1 ms'
     FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::smallint[], $5::bigint[], $6::text[], $7::smallint[], $8::float8[])
       r (url_host, hash, failed, back, host, at, hops, ms)
     WHERE q.url_host = r.url_host AND q.hash = r.hash`,
    [
      returned.map(({ urlHost }) => urlHost),
      returned.map(({ hash }) => hash),
      returned.map(({ isFailed }) => (isFailed ? 1 : 0)),
      returned.map(({ movedTo, putOffMs }) => (movedTo === null && putOffMs === null ? 1 : 0)),
      hosts,
      returned.map(({ movedTo }) => movedTo?.at ?? null),
      returned.map(({ movedTo }) => movedTo?.hops ?? null),
      returned.map(({ putOffMs }) => putOffMs),
    ],
  );
  await wake(query, [...new Set(hosts.filter((host) => host !== null))]);
}

async function putOff(query: Query, { host, origin, ms }: PutOff): Promise<void> {
  await query(
    `UPDATE lait.queue q SET not_before = now() + $4 * interval '1 ms' FROM lait.urls u
     WHERE q.host = $1 AND u.host = q.url_host AND u.hash = q.hash AND u.url >= $2 AND u.url < $3 AND q.at IS NULL`,
    [host, `${origin}/`, `${origin}0`, ms],
  );
}

async function changeHosts(
  query: Query,
  lease: Lease,
  hosts: readonly HostChange[],
): Promise<ReadonlyMap<string, number>> {
  if (hosts.length === 0) return new Map();
  const rows = await query<{ id: string; ms: number }>(
    `UPDATE lait.hosts h SET next_at = greatest(h.next_at, now() + c.ms * interval '1 ms'), pages = h.pages + c.pages, read_pages = coalesce(h.read_pages, h.pages) + c.read_pages,
       failures = c.failures, render_tries = h.render_tries + c.tries, render_gains = h.render_gains + c.gains,
       worker = CASE WHEN c.let_go THEN NULL ELSE h.worker END
     FROM unnest($2::bigint[], $3::float8[], $4::boolean[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[])
       c (id, ms, let_go, pages, failures, tries, gains, read_pages)
     WHERE h.id = c.id AND h.worker = $1 RETURNING h.id, extract(epoch FROM h.next_at - now())::float8 * 1000 AS ms`,
    [
      lease.id,
      hosts.map(({ id }) => id),
      hosts.map(({ pauseMs }) => pauseMs),
      hosts.map(({ isLetGo }) => isLetGo),
      hosts.map(({ pages }) => pages),
      hosts.map(({ failures }) => failures),
      hosts.map(({ renderTries }) => renderTries),
      hosts.map(({ renderGains }) => renderGains),
      hosts.map(({ readPages }) => readPages),
    ],
  );
  return new Map(rows.map(({ id, ms }) => [id, ms]));
}

async function restHosts(query: Query, rests: BatchToWrite['rests']): Promise<void> {
  if (rests.length === 0) return;
  const ms = new Map<string, number>();
  for (const { url, pauseMs } of rests) {
    const id = hostIdOf(hostNameIn(url));
    ms.set(id, Math.max(pauseMs, ms.get(id) ?? 0));
  }
  await query(
    `WITH rests AS (
       SELECT h.id, r.ms FROM lait.hosts h JOIN unnest($1::bigint[], $2::float8[]) r (id, ms) USING (id)
       ORDER BY h.id FOR NO KEY UPDATE OF h)
     UPDATE lait.hosts h SET next_at = greatest(h.next_at, now() + r.ms * interval '1 ms') FROM rests r WHERE h.id = r.id`,
    [[...ms.keys()], [...ms.values()]],
  );
}
