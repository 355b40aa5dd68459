/**
 * Redirects, as far as the host of a claimed URL goes. One that leads to another host ends the request: the target goes
 * into the queue of its own host, whose clock and robots.txt then count as for any URL, as in Heritrix and Nutch. What
 * stays on the host is followed at once, and the pause after it is that of as many requests.
 */

import type { Lease } from '../frontier/schema.ts';
import type { Reason } from '../policy/reasons.ts';
import { hostNameOf } from '../policy/url.ts';
import { maxRedirects } from './fetch.ts';
import type { RulesOf } from './origin-rules.ts';

/** The reason of a request that ended because its target lies on another host, or on an origin that is put off. */
export const otherHost = 'other-host' satisfies Reason;

export interface Redirects {
  /** For `Fetcher.get`: the reason not to follow, or null. */
  readonly refuseRedirect: (url: string) => Promise<Reason | null>;
  /** Hops so far, those of earlier claims of this URL included. */
  readonly hops: () => number;
  /** Requests that the claim's host had. */
  readonly requests: () => number;
}

/** Follows the redirects of a claim; `refuse` says what else forbids a target, before its robots.txt is read. */
export function redirectsOf(
  claim: Lease,
  rulesOf: RulesOf,
  refuse: (url: string) => Reason | null = () => null,
): Redirects {
  const host = hostNameOf(claim.at);
  let hops = claim.hops;
  let requests = 1;
  return {
    refuseRedirect: async (url) => {
      hops += 1;
      if (hops > maxRedirects) return 'too-many-redirects';
      const refusal = refuse(url);
      if (refusal !== null) return refusal;
      if (hostNameOf(url) !== host) return otherHost;
      const rules = await rulesOf(new URL(url).origin);
      // The fetch goes on there when robots.txt of that origin can be had.
      if (rules.kind === 'unavailable' && !rules.isGivenUp) return otherHost;
      const forbidden = await refusedByRobots(url, rulesOf);
      if (forbidden === null) requests += 1;
      return forbidden;
    },
    hops: () => hops,
    requests: () => requests,
  };
}

/** The reason why robots.txt of a URL's origin forbids it, or null. */
export async function refusedByRobots(url: string, rulesOf: RulesOf): Promise<Reason | null> {
  const rules = await rulesOf(new URL(url).origin);
  if (rules.kind !== 'rules') return rules.reason;
  return rules.robots.allows(url) ? null : 'robots';
}
