/**
 * Redirects, as far as the host of a claimed URL goes. One that leads to another host ends the request: the target goes
 * into the queue of its own host, whose clock and robots.txt then count as for any URL, as in Heritrix and Nutch. What
 * stays on the host is followed at once, and the pause after it is that of as many requests.
 */

import type { Lease } from '../frontier/schema.ts';
import type { Reason } from '../policy/reasons.ts';
import { type Evidence, type Rights, rightsOf } from '../policy/rights.ts';
import { hostNameOf } from '../policy/url.ts';
import { maxRedirects, type Redirect } from './fetch.ts';
import type { RulesOf } from './origin-rules.ts';

/** The reason of a request that ended because its target lies on another host, or on an origin that is put off. */
export const otherHost = 'other-host' satisfies Reason;

export interface Redirects {
  /** For `Fetcher.get`: the reason not to follow, or null. */
  readonly refuseRedirect: (url: string, from: Redirect) => Promise<Reason | null>;
  /** Of the rights that a redirect has reserved. */
  readonly evidence: () => Evidence;
  /** Hops so far, those of earlier claims of this URL included. */
  readonly hops: () => number;
  /** Requests that the claim's host had. */
  readonly requests: () => number;
}

/** Follows the redirects of a claim. */
export function redirectsOf(
  claim: Lease,
  rulesOf: RulesOf,
  {
    refuse = () => null,
    readRights = false,
  }: {
    /** What else forbids a target, before its robots.txt is read. */
    readonly refuse?: (url: string) => Reason | null;
    /** A redirect that reserves its rights ends the request: what it leads to is had by its address alone. */
    readonly readRights?: boolean;
  } = {},
): Redirects {
  const host = hostNameOf(claim.at);
  let hops = claim.hops;
  let requests = 1;
  let evidence: Evidence = {};
  return {
    refuseRedirect: async (url, from) => {
      hops += 1;
      if (readRights) {
        const rights = await rightsOfRedirect(from, rulesOf);
        evidence = rights.evidence;
        if (rights.refused !== null) return rights.refused;
      }
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
    evidence: () => evidence,
    hops: () => hops,
    requests: () => requests,
  };
}

/**
 * What a redirect's own headers and the rules of its address say about use. That it is not to be indexed is meant for the address,
 * and search engines follow it all the same.
 */
async function rightsOfRedirect({ url, headers }: Redirect, rulesOf: RulesOf): Promise<Rights> {
  const rules = await rulesOf(new URL(url).origin);
  const ofOrigin =
    rules.kind === 'rules'
      ? { tdmrep: rules.tdmrep, robotsUsage: rules.robots.usagePreferences(url), licences: rules.licences }
      : { tdmrep: [], robotsUsage: [] };
  const rights = rightsOf({ headers, url, ...ofOrigin });
  if (rights.refused === null || !aboutIndexes.has(rights.refused)) return rights;
  const { 'x-robots-tag': _, ...others } = headers;
  return rightsOf({ headers: others, url, ...ofOrigin });
}

const aboutIndexes: ReadonlySet<Reason> = new Set<Reason>(['rights-noindex', 'rights-noimageindex', 'rights-none']);

/** The reason why robots.txt of a URL's origin forbids it, or null. */
export async function refusedByRobots(url: string, rulesOf: RulesOf): Promise<Reason | null> {
  const rules = await rulesOf(new URL(url).origin);
  if (rules.kind !== 'rules') return rules.reason;
  return rules.robots.allows(url) ? null : 'robots';
}
