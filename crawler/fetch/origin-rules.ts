/**
 * What an origin allows: its robots.txt and its TDMRep file, fetched once, kept in the frontier for a day and in memory
 * while in use. Concurrent calls for one origin share one request.
 */

import { steadyNow } from '../policy/clock.ts';
import { type Manners, maxFailures } from '../policy/politeness.ts';
import type { Reason } from '../policy/reasons.ts';
import { parseTdmrep, type TdmRule } from '../policy/rights.ts';
import { parseRobots, type RobotsRules } from '../policy/robots.ts';
import type { Fetcher } from './fetch.ts';
import { believeRulesMs, fetchRobots, giveUpMs, putOffMs, type RobotsAnswer } from './robots.ts';

export type OriginRules =
  | {
      readonly kind: 'rules';
      readonly robots: RobotsRules;
      readonly tdmrep: readonly TdmRule[];
      /** This call led to requests, which the host's clock must count. */
      readonly requested: boolean;
    }
  | { readonly kind: 'disallow'; readonly reason: Reason }
  /** robots.txt could not be had: nothing may be fetched before `untilMs`, when it is asked for again. */
  | {
      readonly kind: 'unavailable';
      readonly reason: Reason;
      readonly untilMs: number;
      readonly requested: boolean;
      /** It could not be had for so long that the URLs are given up. */
      readonly isGivenUp: boolean;
    };

/** The rules of an origin whose robots.txt could be read. */
export type AllowedRules = Extract<OriginRules, { kind: 'rules' }>;

/** What is kept of an origin between runs. */
type Stored =
  | { readonly robots: Extract<RobotsAnswer, { kind: 'rules' | 'allow' }>; readonly tdmrep: readonly TdmRule[] }
  | {
      readonly robots: {
        readonly kind: 'unavailable';
        readonly reason: Reason;
        /** In a row. */
        readonly failures: number;
        /** Of the first of them. */
        readonly sinceMs: number;
      };
    };

const maxInMemory = 1000;

/** How long an address that may not be asked, or a name that does not exist, is believed in the same run: StormCrawler's hour. */
const believeRefusalMs = 3_600_000;
const maxTdmrepBytes = 1_000_000;

/** Where the rules of an origin are kept between runs, as text, and until when they may be believed. */
export interface OriginStore {
  origin(origin: string): { readonly rules: string; readonly untilMs: number } | undefined;
  setOrigin(origin: string, rules: string, untilMs: number): void;
}

/** What an origin (`https://example.org`) allows. */
export type RulesOf = (origin: string) => Promise<OriginRules>;

/** Returns the function that says what an origin allows. `onNew` is called once for each robots.txt that was fetched. */
export function openOriginRules(
  store: OriginStore,
  fetcher: Fetcher,
  {
    manners,
    signal,
    onNew,
  }: {
    readonly manners: Manners;
    readonly signal?: AbortSignal | undefined;
    readonly onNew?: (origin: string, rules: RobotsRules) => void;
  },
): RulesOf {
  const known = new Map<string, { rules: OriginRules; untilMs: number }>();
  const fetching = new Map<string, Promise<OriginRules>>();

  const remember = (origin: string, stored: Stored, untilMs: number): OriginRules => {
    const rules = rulesFrom(stored, untilMs);
    if (known.size >= maxInMemory) known.delete(known.keys().next().value!);
    known.set(origin, { rules, untilMs });
    return rules;
  };

  const fetchRules = async (origin: string, before: Stored | null): Promise<OriginRules> => {
    const robots = await fetchRobots(fetcher, origin, signal);
    // What forbids to ask may be another after the next start: other options, another network.
    if (robots.kind === 'disallow') {
      known.set(origin, { rules: robots, untilMs: steadyNow() + believeRefusalMs });
      return robots;
    }
    if (robots.kind === 'unavailable') {
      const nowMs = steadyNow();
      const last = before?.robots.kind === 'unavailable' ? before.robots : { failures: 0, sinceMs: nowMs };
      const failures = last.failures + 1;
      const untilMs = nowMs + Math.max(robots.forMs, putOffMs(failures, manners));
      const stored = {
        robots: { kind: 'unavailable', reason: robots.reason, failures, sinceMs: last.sinceMs },
      } as const satisfies Stored;
      if (signal?.aborted) return rulesFrom(stored, untilMs);
      store.setOrigin(origin, JSON.stringify(stored), untilMs);
      return { ...remember(origin, stored, untilMs), requested: true } as OriginRules;
    }
    const file = await fetcher.get(`${origin}/.well-known/tdmrep.json`, { maxBytes: maxTdmrepBytes, signal });
    const tdmrep = file.ok && file.status === 200 ? parseTdmrep(file.body.toString('utf8')) : [];
    const untilMs = steadyNow() + believeRulesMs;
    const rules = remember(origin, { robots, tdmrep }, untilMs);
    if (rules.kind === 'rules') onNew?.(origin, rules.robots);
    store.setOrigin(origin, JSON.stringify({ robots, tdmrep }), untilMs);
    return { ...rules, requested: true } as OriginRules;
  };

  return async (origin) => {
    const now = steadyNow();
    const remembered = known.get(origin);
    if (remembered && remembered.untilMs > now) return remembered.rules;
    const row = store.origin(origin);
    const stored = row ? (JSON.parse(row.rules) as Stored) : null;
    // Nothing is believed for longer than a day, whatever the clock said when it was written.
    const untilMs = Math.min(row?.untilMs ?? 0, now + believeRulesMs);
    if (stored && untilMs > now) return remember(origin, stored, untilMs);
    let answer = fetching.get(origin);
    if (!answer) {
      answer = fetchRules(origin, stored).finally(() => fetching.delete(origin));
      fetching.set(origin, answer);
    }
    return answer;
  };
}

function rulesFrom(stored: Stored, untilMs: number): OriginRules {
  if (!('tdmrep' in stored)) {
    const { reason, sinceMs, failures } = stored.robots;
    const isGivenUp = failures >= maxFailures && untilMs - sinceMs > giveUpMs;
    return { kind: 'unavailable', reason, untilMs, requested: false, isGivenUp };
  }
  const { robots, tdmrep } = stored;
  return {
    kind: 'rules',
    robots: parseRobots(robots.kind === 'rules' ? robots.body : ''),
    tdmrep,
    requested: false,
  };
}
