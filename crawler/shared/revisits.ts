/** When pages of a shared crawl are to be visited again (queue-due.ts), and what of the last visit the next one needs. */
import type { PageRecord } from '../../dataset/ledger/records.ts';
import type { Claim } from '../frontier/claim.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { askedAgain, comesAgain, failureIntervals, type Revisit } from '../frontier/revisit.ts';
import type { UrlKind } from '../frontier/schema.ts';
import type { Reason } from '../policy/reasons.ts';
import { hostIdOf, hostNameIn, urlHashOf } from './names.ts';
import type { Query } from './store.ts';

const takenDown = 'taken-down' satisfies Reason;

/** What a visit leaves for the next one: of a page nothing but what tells whether it has changed. */
type KnownPage = Pick<PageRecord, 'status' | 'reason' | 'etag' | 'lastModified' | 'rendered'>;

/** Of a URL that was visited before. */
export interface Visited {
  readonly revisit: Revisit;
  /** Null for a sitemap. */
  readonly page: KnownPage | null;
}

/** What a claim says of the last visit; the ledger has the rest, when this one is collected. As `claimUrls` has it in a folder. */
export function beforeOf(url: string, { revisit, page }: Visited): Claim['before'] {
  // The row of a redirect says nothing about the page that it led to.
  if (page === null || page.status === 'skipped') return null;
  return askedAgain({ ...page, url, fetchedAtMs: 0 }, revisit);
}

/** A visit that is over, and what it says of the next one. */
interface Visit extends Visited {
  readonly kind: UrlKind;
  readonly url: string;
}

/** Notes when the next visits of a batch's pages are due, as the folder's commit does. */
export async function noteVisits(query: Query, outcomes: readonly FetchOutcome[]): Promise<void> {
  await noteFailures(query, outcomes);
  const visits = new Map(outcomes.flatMap(visitsOf).map((one) => [urlHashOf(one.kind, one.url), one]));
  if (visits.size === 0) return;
  const all = [...visits.values()];
  await query(
    `INSERT INTO lait.revisits (host, hash, due_at, interval_ms, body, page)
     SELECT host, hash, now() + ms * interval '1 ms', ms, body, page::json
     FROM unnest($1::bigint[], $2::uuid[], $3::float8[], $4::text[], $5::text[]) v (host, hash, ms, body, page) ORDER BY host, hash
     ON CONFLICT (host, hash) DO UPDATE SET due_at = excluded.due_at, read_at = now(), interval_ms = excluded.interval_ms,
       body = excluded.body, page = excluded.page`,
    [
      all.map(({ url }) => hostIdOf(hostNameIn(url))),
      [...visits.keys()],
      all.map(({ revisit }) => revisit.intervalMs),
      all.map(({ revisit }) => revisit.hash),
      all.map(({ page }) => (page === null ? null : JSON.stringify(page))),
    ],
  );
}

/** What was never had before comes again where this visit did not get it either, each time after a longer while. */
async function noteFailures(query: Query, outcomes: readonly FetchOutcome[]): Promise<void> {
  const done = outcomes.filter(({ claim, end }) => end === 'done' && claim.revisit === null);
  const keysOf = (all: readonly FetchOutcome[]): [string[], string[]] => {
    const keys = new Map(all.map(({ claim: { kind, url } }) => [urlHashOf(kind, url), hostIdOf(hostNameIn(url))]));
    return [[...keys.values()], [...keys.keys()]];
  };
  const failed = done.filter((one) => comesAgain(one.claim.kind, one));
  const had = done.filter((one) => !failed.includes(one));
  const { firstMs, longer, mostMs } = failureIntervals;
  if (had.length > 0) {
    await query(
      'DELETE FROM lait.failures f USING unnest($1::bigint[], $2::uuid[]) d (host, hash) WHERE f.host = d.host AND f.hash = d.hash',
      keysOf(had),
    );
  }
  if (failed.length === 0) return;
  await query(
    `INSERT INTO lait.failures AS f (host, hash, due_at, interval_ms)
     SELECT host, hash, now() + $3::float8 * interval '1 ms', $3::float8 FROM unnest($1::bigint[], $2::uuid[]) d (host, hash) ORDER BY host, hash
     ON CONFLICT (host, hash) DO UPDATE SET interval_ms = least($4::float8, f.interval_ms * $5::float8), read_at = now(),
       due_at = now() + least($4::float8, f.interval_ms * $5::float8) * interval '1 ms'`,
    [...keysOf(failed), firstMs, mostMs, longer],
  );
}

function visitsOf({ claim, end, page, redirected, revisit: found }: FetchOutcome): Visit[] {
  const { kind, url } = claim;
  // Where it leads has visits of its own: it may outlast what leads there.
  const alias = redirected && page && found ? [{ kind, url: page.url, revisit: found, page: knownOf(page) }] : [];
  const revisit = found ?? (page?.reason === takenDown ? null : claim.revisit);
  if (!revisit || end !== 'done') return alias;
  const own = redirected ?? page;
  return [...alias, { kind, url, revisit, page: own ? knownOf(own) : null }];
}

const knownOf = ({ status, reason, etag, lastModified, rendered }: PageRecord): KnownPage => ({
  status,
  reason: reason ?? null,
  // A header may hold what no text of PostgreSQL does.
  etag: etag?.replaceAll('\0', '') ?? null,
  lastModified: lastModified?.replaceAll('\0', '') ?? null,
  rendered: rendered ?? false,
});
