/**
 * What an origin allows: its robots.txt and its TDMRep file, fetched once, kept in the frontier for a day and in memory
 * while in use. Concurrent calls for one origin share one request.
 */

import type { Reason } from '../policy/reasons.ts';
import { parseTdmrep, type TdmRule } from '../policy/rights.ts';
import { parseRobots, type RobotsRules } from '../policy/robots.ts';
import type { Fetcher } from './fetch.ts';
import { believeFailureMs, believeRulesMs, fetchRobots, type RobotsAnswer } from './robots.ts';

export type OriginRules =
  | {
      readonly kind: 'rules';
      readonly robots: RobotsRules;
      readonly tdmrep: readonly TdmRule[];
      /** This call led to requests, which the host's clock must count. */
      readonly requested: boolean;
    }
  | { readonly kind: 'disallow'; readonly reason: Reason; readonly requested: boolean }
  | { readonly kind: 'defer'; readonly forMs: number; readonly requested: true };

/** The rules of an origin whose robots.txt could be read. */
export type AllowedRules = Extract<OriginRules, { kind: 'rules' }>;

interface Stored {
  readonly robots: Exclude<RobotsAnswer, { kind: 'defer' }>;
  readonly tdmrep: readonly TdmRule[];
}

const maxInMemory = 1000;
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
    signal,
    onNew,
  }: { readonly signal?: AbortSignal | undefined; readonly onNew?: (origin: string, rules: RobotsRules) => void },
): RulesOf {
  const known = new Map<string, { rules: OriginRules; untilMs: number }>();
  const fetching = new Map<string, Promise<OriginRules>>();

  const remember = (origin: string, { robots, tdmrep }: Stored, untilMs: number): OriginRules => {
    const rules: OriginRules =
      robots.kind === 'disallow'
        ? { kind: 'disallow', reason: robots.reason, requested: false }
        : {
            kind: 'rules',
            robots: parseRobots(origin, robots.kind === 'rules' ? robots.body : ''),
            tdmrep,
            requested: false,
          };
    if (known.size >= maxInMemory) known.delete(known.keys().next().value!);
    known.set(origin, { rules, untilMs });
    return rules;
  };

  const fetchRules = async (origin: string): Promise<OriginRules> => {
    const robots = await fetchRobots(fetcher, origin, signal);
    if (robots.kind === 'defer') return { ...robots, requested: true };
    if (robots.kind === 'disallow') {
      const untilMs = Date.now() + believeFailureMs;
      if (robots.reason !== 'stopped') store.setOrigin(origin, JSON.stringify({ robots, tdmrep: [] }), untilMs);
      return {
        ...remember(origin, { robots, tdmrep: [] }, robots.reason === 'stopped' ? 0 : untilMs),
        requested: true,
      };
    }
    const file = await fetcher.get(`${origin}/.well-known/tdmrep.json`, { maxBytes: maxTdmrepBytes, signal });
    const tdmrep = file.ok && file.status === 200 ? parseTdmrep(file.body.toString('utf8')) : [];
    const untilMs = Date.now() + believeRulesMs;
    const rules = remember(origin, { robots, tdmrep }, untilMs);
    if (rules.kind === 'rules') onNew?.(origin, rules.robots);
    store.setOrigin(origin, JSON.stringify({ robots, tdmrep }), untilMs);
    return { ...rules, requested: true };
  };

  return async (origin) => {
    const now = Date.now();
    const remembered = known.get(origin);
    if (remembered && remembered.untilMs > now) return remembered.rules;
    const stored = store.origin(origin);
    if (stored && stored.untilMs > now) return remember(origin, JSON.parse(stored.rules) as Stored, stored.untilMs);
    let answer = fetching.get(origin);
    if (!answer) {
      answer = fetchRules(origin).finally(() => fetching.delete(origin));
      fetching.set(origin, answer);
    }
    return answer;
  };
}
