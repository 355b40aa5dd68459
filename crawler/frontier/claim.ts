/**
 * A claimed URL with everything that is known of it, read once when it is leased: whoever fetches it needs no database. What
 * became of it goes back as an outcome (outcome.ts), which `commit` writes.
 */
import {
  asVisited,
  type KnownImage,
  type KnownPage,
  knownImage,
  knownPage,
  pageOfImage,
} from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PageRecord } from '../../dataset/ledger/records.ts';
import { hasTombstones } from '../../dataset/ledger/tombstones.ts';
import type { Reason } from '../policy/reasons.ts';
import type { ReferrerPolicy } from '../policy/referrer.ts';
import { keyOf } from '../policy/url.ts';
import type { Frontier } from './frontier.ts';
import { askedAgain, type Revisit, readAnew } from './revisit.ts';
import type { Host, Lease } from './schema.ts';

export interface Claim extends Lease {
  readonly host: Host;
  /** `lait takedown` has removed the URL, or the one that it leads to. */
  readonly isTakenDown: boolean;
  /** Why the page is a trap, as far as others of its pattern show; null when it is none. A seed and a page that is known are none. */
  readonly trap: Reason | null;
  /** For an image: the page that it was found on first, and what the page wants to be said of it. */
  readonly referrer?: { readonly page: string; readonly policy?: ReferrerPolicy | undefined } | undefined;
  /** How often the page or sitemap is visited, and a hash of what the last visit found; null at the first visit. */
  readonly revisit: Revisit | null;
  /** The page as the last visit found it; null at the first visit, and when the last one found a redirect. */
  readonly before: { readonly page: PageRecord; readonly revisit: Revisit } | null;
  /** The image as an earlier visit found it; null when it was never downloaded. */
  readonly imageBefore: KnownImage | null;
}

/** Leases up to `limit` URLs of hosts that are ready, at most `perHost` of one host in flight. */
export function claimUrls(
  { ledger, frontier }: { readonly ledger: Ledger; readonly frontier: Frontier },
  limit: number,
  nowMs: number,
  perHost = 1,
): Claim[] {
  const isAnyTakenDown = hasTombstones(ledger);
  const hosts = new Map<number, Host>();
  const hostOf = (id: number): Host => {
    const host = hosts.get(id) ?? frontier.host(id);
    hosts.set(id, host);
    return host;
  };
  return frontier.claim(limit, nowMs, perHost).map((lease) => {
    const revisit = lease.kind !== 'image' ? (frontier.revisit(lease.id) ?? null) : null;
    const page = revisit === null ? null : knownPage(ledger, lease.url);
    return {
      ...lease,
      host: hostOf(lease.hostId),
      isTakenDown: isAnyTakenDown && [lease.url, keyOf(lease.at)].some((url) => ledger.isTakenDown({ url })),
      trap: lease.kind === 'page' && lease.depth > 0 && revisit === null ? frontier.trap(lease.url) : null,
      referrer: referrerOf(ledger, lease),
      revisit,
      // The row of a redirect says nothing about the page that it led to.
      before: revisit !== null && page !== null && page.status !== 'skipped' ? visited(page, revisit) : null,
      imageBefore: lease.kind === 'image' ? knownImage(ledger, lease.url) : null,
    };
  });
}

function referrerOf(ledger: Ledger, { kind, url, referrerPolicy }: Lease): Claim['referrer'] {
  const page = kind === 'image' ? pageOfImage(ledger, url) : undefined;
  return page === undefined ? undefined : { page, policy: referrerPolicy ?? undefined };
}

/** A page that was not read wholly is read again whatever its server says of changes. */
const visited = (known: KnownPage, revisit: Revisit): NonNullable<Claim['before']> =>
  (known.hasOrigins ? askedAgain : readAnew)(asVisited(known), revisit);
