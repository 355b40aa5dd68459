/** Where a crawl begins: seeds and what is queued already, checked for an operator's mistakes before any request. */
import { expected, UserError } from '../../dataset/user-error.ts';
import { isLoopbackHost, isPublicAddress } from '../fetch/address-guard.ts';
import type { Frontier } from '../frontier/frontier.ts';
import { type Address, absoluteUrl, addressOf, isTooLong, keyOf } from '../policy/url.ts';

export interface Seeds {
  readonly seeds: readonly string[];
  /** See `CrawlOptions`. */
  readonly contact?: string;
  readonly allowPrivate?: boolean;
}

/** Without a contact only this machine may be crawled: another host in the queue, from an earlier run or a list, is the operator's mistake. */
export function checkQueue(frontier: Frontier, { contact }: Pick<Seeds, 'contact'>): void {
  if (contact) return;
  const host = frontier.findQueuedHost((name) => !isLoopbackHost(name));
  if (host !== null) throw contactExpected(host);
}

const contactExpected = (hostname: string): UserError =>
  new UserError(
    `Expected a contact for crawling ${hostname} but received none; set contact to a web page or mail address at which site owners can reach you.`,
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
      throw expected('a public address', 'seed', seed, 'set allowPrivate to crawl this machine or a private network');
    }
    return addressOf(request);
  });
}
