/**
 * What an origin allows: its robots.txt and its TDMRep file, asked for once, kept in the frontier for a day and in memory
 * while in use. Concurrent questions about one origin share one request.
 */

import type { Frontier } from '../frontier/frontier.ts';
import { parseTdmrep, type TdmRule } from '../policy/rights.ts';
import { parseRobots, type RobotsRules } from '../policy/robots.ts';
import type { Fetcher } from './fetch.ts';
import { believeFailureMs, believeRulesMs, fetchRobots, type RobotsAnswer } from './robots.ts';

export type OriginRules =
  | {
      readonly kind: 'rules';
      readonly robots: RobotsRules;
      readonly tdmrep: readonly TdmRule[];
      readonly asked: boolean;
    }
  | { readonly kind: 'disallow'; readonly reason: string; readonly asked: boolean }
  | { readonly kind: 'defer'; readonly forMs: number; readonly asked: true };

interface Stored {
  readonly robots: Exclude<RobotsAnswer, { kind: 'defer' }>;
  readonly tdmrep: readonly TdmRule[];
}

const mostInMemory = 1000;
const maxTdmrepBytes = 1_000_000;

/** `asked` is true when this call led to requests, which the host's clock must count. */
export function openOriginRules(
  frontier: Frontier,
  fetcher: Fetcher,
  {
    signal,
    onNew,
  }: { readonly signal?: AbortSignal | undefined; readonly onNew?: (origin: string, rules: RobotsRules) => void },
): (origin: string) => Promise<OriginRules> {
  const known = new Map<string, { rules: OriginRules; untilMs: number }>();
  const asking = new Map<string, Promise<OriginRules>>();

  const remember = (origin: string, { robots, tdmrep }: Stored, untilMs: number): OriginRules => {
    const rules: OriginRules =
      robots.kind === 'disallow'
        ? { kind: 'disallow', reason: robots.reason, asked: false }
        : {
            kind: 'rules',
            robots: parseRobots(origin, robots.kind === 'rules' ? robots.body : ''),
            tdmrep,
            asked: false,
          };
    if (known.size >= mostInMemory) known.delete(known.keys().next().value!);
    known.set(origin, { rules, untilMs });
    return rules;
  };

  const ask = async (origin: string): Promise<OriginRules> => {
    const robots = await fetchRobots(fetcher, origin, signal);
    if (robots.kind === 'defer') return { ...robots, asked: true };
    if (robots.kind === 'disallow') {
      const untilMs = Date.now() + believeFailureMs;
      if (robots.reason !== 'stopped') frontier.setOrigin(origin, JSON.stringify({ robots, tdmrep: [] }), untilMs);
      return { ...remember(origin, { robots, tdmrep: [] }, robots.reason === 'stopped' ? 0 : untilMs), asked: true };
    }
    const file = await fetcher.get(`${origin}/.well-known/tdmrep.json`, { maxBytes: maxTdmrepBytes, signal });
    const tdmrep = file.ok && file.status === 200 ? parseTdmrep(file.body.toString('utf8')) : [];
    const untilMs = Date.now() + believeRulesMs;
    const rules = remember(origin, { robots, tdmrep }, untilMs);
    if (rules.kind === 'rules') onNew?.(origin, rules.robots);
    frontier.setOrigin(origin, JSON.stringify({ robots, tdmrep }), untilMs);
    return { ...rules, asked: true };
  };

  return async (origin) => {
    const now = Date.now();
    const remembered = known.get(origin);
    if (remembered && remembered.untilMs > now) return remembered.rules;
    const stored = frontier.origin(origin);
    if (stored && stored.untilMs > now) return remember(origin, JSON.parse(stored.rules) as Stored, stored.untilMs);
    let answer = asking.get(origin);
    if (!answer) {
      answer = ask(origin).finally(() => asking.delete(origin));
      asking.set(origin, answer);
    }
    return answer;
  };
}
