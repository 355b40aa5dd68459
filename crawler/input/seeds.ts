/** Where a crawl begins: seeds and what is queued already, checked for an operator's mistakes before any request. */
import { knownPage } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import { isLoopbackHost, isPublicAddress } from '../fetch/address-guard.ts';
import type { Frontier } from '../frontier/frontier.ts';
import { meaningOf } from '../policy/reasons.ts';
import { type Address, absoluteUrl, addressOf, isTooLong, keyOf } from '../policy/url.ts';

export interface Seeds {
  readonly seeds: readonly string[];
  /** See `CrawlOptions`. */
  readonly contact?: string;
  readonly allowPrivate?: boolean;
}

/** A crawl needs something to begin with: seeds now or earlier, or what a list or an archive has queued or, without an image, given. */
export function checkNotEmpty(frontier: Frontier, ledger: Ledger): void {
  if (!frontier.isEmpty()) return;
  if (ledger.statement('SELECT 1 FROM pages LIMIT 1').get() === undefined) throw seedExpected();
}

export const seedExpected = (): UserError =>
  new UserError(
    'Expected a seed or a list with URLs to crawl from but received none; give a URL, as in lait crawl https://example.org/.',
  );

/** A seed that could not be read; the reason is null where its host could not be reached before the run ended. */
export interface DeadSeed {
  readonly url: string;
  readonly reason: string | null;
}

/** Asks once more for the seeds that could not be read, those that others lead to among them. */
export function queueUnreadSeeds(ledger: Ledger, frontier: Frontier): void {
  const unread = frontier.seeds().filter((url) => {
    const { status, reason } = knownPage(ledger, url) ?? {};
    const isUnread = status === 'failed' || status === 'refused';
    return isUnread && (!reason || meaningOf(reason)?.again !== 'never');
  });
  frontier.atomically(() => {
    for (const url of unread) for (const kind of ['page', 'sitemap'] as const) frontier.requeue(url, kind);
  });
}

/** Which seeds could not be read. What a seed that redirects to another host leads to is one, too. */
export const deadSeeds = (ledger: Ledger, frontier: Frontier): DeadSeeds =>
  deadAmong(frontier.seeds(), (url) => knownPage(ledger, url));

export interface DeadSeeds {
  readonly deadSeeds: readonly DeadSeed[];
  readonly isNoSeedRead: boolean;
}

/** The same, by what is known of pages. */
export function deadAmong(
  seeds: readonly string[],
  known: (url: string) => { readonly status: string; readonly reason?: string | null } | null,
): DeadSeeds {
  const dead: DeadSeed[] = [];
  let read = 0;
  for (const url of seeds) {
    const page = known(url);
    if (page === null) dead.push({ url, reason: null });
    else if (page.status === 'failed' || page.status === 'refused') dead.push({ url, reason: page.reason ?? null });
    else if (page.reason !== 'redirected') read += 1;
  }
  return { deadSeeds: dead, isNoSeedRead: read === 0 && dead.length > 0 };
}

/** Without a contact only this machine may be crawled: another host in the queue, from an earlier run or a list, is the operator's mistake. */
export function checkQueue(frontier: Frontier, { contact }: Pick<Seeds, 'contact'>): void {
  if (contact) return;
  const host = frontier.findQueuedHost((name) => !isLoopbackHost(name));
  if (host !== null) throw contactExpected(host);
}

/** The same of hosts by their names. */
export function checkHosts(names: readonly string[], contact: string | undefined): void {
  const host = contact ? undefined : names.find((name) => !isLoopbackHost(name));
  if (host !== undefined) throw contactExpected(host);
}

const contactExpected = (hostname: string): UserError =>
  new UserError(
    `Expected a contact for crawling ${hostname} but received none; give --contact (contact in lait.yaml), a web page or mail address at which site owners can reach you.`,
  );

/** The seeds as addresses; a seed that cannot be crawled is the operator's mistake. */
export function checkSeeds({ seeds, contact, allowPrivate }: Seeds): Address[] {
  if (contact !== undefined && !/^(?:https?:\/\/|mailto:)?[^\s()]+\.[^\s()]+$/.test(contact)) {
    throw expected('a web page or mail address', 'contact', contact, 'give one at which site owners can reach you');
  }
  return seeds.map((seed) => {
    const request = absoluteUrl(seed);
    if (request === null || isTooLong(keyOf(request)))
      throw expected('an http or https URL', 'seed', seed, 'write it in full, as in https://example.org/');
    const { hostname } = new URL(request);
    const loopback = isLoopbackHost(hostname);
    if (!loopback && !contact) throw contactExpected(hostname);
    const isAddress = /^\[|^[\d.]+$/.test(hostname);
    if (!allowPrivate && (loopback || (isAddress && !isPublicAddress(hostname)))) {
      throw expected(
        'a public address',
        'seed',
        seed,
        '--allow-private (allowPrivate in lait.yaml) lets a crawl go to this machine or a private network',
      );
    }
    return addressOf(request);
  });
}
