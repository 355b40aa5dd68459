/**
 * What an origin allows: its robots.txt, its TDMRep file and the RSL licences that robots.txt names, fetched once, kept in the frontier for a day and in memory
 * while in use. Concurrent calls for one origin share one request.
 */

import { rememberIn } from '../frontier/remember.ts';
import { steadyNow } from '../policy/clock.ts';
import { type Manners, maxFailures } from '../policy/politeness.ts';
import type { Reason } from '../policy/reasons.ts';
import type { RslLicences, TdmRule } from '../policy/rights.ts';
import { type RobotsRules, robotsRules } from '../policy/robots.ts';
import type { RslContent } from '../policy/rsl.ts';
import { absoluteUrl } from '../policy/url.ts';
import type { Workers } from '../workers/workers.ts';
import type { Fetcher } from './fetch.ts';
import { boundedMemory } from './memory.ts';
import { type OriginStore, openPolicyFiles, type PolicyFile, type PolicyFiles } from './policy-files.ts';
import { believeRulesMs, fetchRobots, giveUpMs, putOffMs, type RobotsAnswer } from './robots.ts';

export type OriginRules =
  | {
      readonly kind: 'rules';
      readonly robots: RobotsRules;
      readonly tdmrep: readonly TdmRule[];
      /** RSL licences that robots.txt names. */
      readonly licences: RslLicences;
      /** This call led to requests, which the host's clock must count. */
      readonly requested: boolean;
    }
  | { readonly kind: 'disallow'; readonly reason: Reason }
  /** robots.txt, or a file of rights, could not be had: nothing may be fetched before `untilMs`, when it is asked for again. */
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

/** A robots.txt that was read. */
interface ReadRobots {
  readonly kind: 'read';
  readonly robots: RobotsRules;
  readonly characters: number;
}

/** What is kept of an origin between runs. */
type Stored =
  | { readonly robots: Extract<RobotsAnswer, { kind: 'rules' | 'allow' }> }
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

/** Ours; the rules of common sites take some 20 kB. */
const maxBytesInMemory = 128_000_000;

/** For each character of a file, measured: lines of 13 characters are objects of 90 bytes. */
const bytesPerCharacter = 8;

/** How long an address that may not be asked, or a name that does not exist, is believed in the same run: StormCrawler's hour. */
const believeRefusalMs = 3_600_000;

/** Licences that one robots.txt names. */
const maxLicences = 5;

/** What an origin (`https://example.org`) allows. */
export type RulesOf = (origin: string) => Promise<OriginRules>;

/** Returns the function that says what an origin allows. `onNew` is called when an origin's rules are first
 * read in a run, since another run's scope may have been another, and for each robots.txt that was fetched. */
export function openOriginRules(
  store: OriginStore,
  fetcher: Fetcher,
  {
    manners,
    workers,
    signal,
    files = openPolicyFiles(store, fetcher, { manners, workers, signal }),
    onNew,
  }: {
    readonly manners: Manners;
    readonly workers: Workers;
    readonly signal?: AbortSignal | undefined;
    /** Shared with others that read licences. */
    readonly files?: PolicyFiles;
    readonly onNew?: (origin: string, rules: RobotsRules) => void | Promise<void>;
  },
): RulesOf {
  const known = boundedMemory<{ readonly rules: OriginRules; readonly untilMs: number }>({
    maxValues: maxInMemory,
    maxBytes: maxBytesInMemory,
  });
  const fetching = new Map<string, Promise<OriginRules>>();
  const told = new Set<string>();

  const tell = async (origin: string, robots: RobotsRules): Promise<void> => {
    await onNew?.(origin, robots);
    rememberIn(told, origin);
  };

  const remember = (origin: string, rules: OriginRules, untilMs: number, characters = 0): OriginRules => {
    known.set(origin, { rules, untilMs }, bytesPerCharacter * characters);
    return rules;
  };

  const fetchRules = async (origin: string, before: Stored | null): Promise<OriginRules> => {
    const robots = await fetchRobots(fetcher, origin, signal);
    // What forbids to ask may be another after the next start: other options, another network.
    if (robots.kind === 'disallow') {
      return remember(origin, robots, steadyNow() + believeRefusalMs);
    }
    if (robots.kind === 'unavailable') {
      const nowMs = steadyNow();
      const last = before?.robots.kind === 'unavailable' ? before.robots : { failures: 0, sinceMs: nowMs };
      const failures = last.failures + 1;
      const untilMs = nowMs + Math.max(robots.forMs, putOffMs(failures, manners));
      const stored = {
        robots: { kind: 'unavailable', reason: robots.reason, failures, sinceMs: last.sinceMs },
      } as const satisfies Stored;
      if (signal?.aborted) return unavailable(stored.robots, untilMs, true);
      await store.setOrigin(origin, JSON.stringify(stored), untilMs);
      remember(origin, unavailable(stored.robots, untilMs, false), untilMs);
      return unavailable(stored.robots, untilMs, true);
    }
    const untilMs = steadyNow() + believeRulesMs;
    const parsed = await readBody(robots);
    if (parsed.kind === 'disallow') {
      return parsed.reason === 'stopped' ? parsed : remember(origin, parsed, untilMs);
    }
    await tell(origin, parsed.robots);
    await store.setOrigin(origin, JSON.stringify({ robots } satisfies Stored), untilMs);
    return withFiles(origin, parsed, untilMs, true);
  };

  const readBody = async (
    answer: Extract<RobotsAnswer, { kind: 'rules' | 'allow' }>,
  ): Promise<Extract<OriginRules, { kind: 'disallow' }> | ReadRobots> => {
    const body = answer.kind === 'rules' ? answer.body : '';
    const read = await workers.run('robots', body);
    return read.done
      ? { kind: 'read', robots: robotsRules(read.value), characters: body.length }
      : { kind: 'disallow', reason: read.reason };
  };

  /** The files of rights beside a robots.txt that could be had. */
  const withFiles = async (
    origin: string,
    { robots, characters }: ReadRobots,
    robotsUntilMs: number,
    askedRobots: boolean,
  ): Promise<OriginRules> => {
    const tdmrep = await files.tdmrep(origin);
    const licences = new Map<string, readonly RslContent[]>();
    const answers: PolicyFile<unknown>[] = [tdmrep];
    for (const written of robots.licenses.slice(0, maxLicences)) {
      const url = absoluteUrl(written, `${origin}/`);
      if (url === null) continue;
      const licence = await files.licence(url);
      answers.push(licence);
      if (licence.kind === 'known' && licence.value !== null) licences.set(url, licence.value);
    }
    const requested = askedRobots || answers.some((answer) => answer.requested);
    const untilMs = Math.min(robotsUntilMs, ...answers.map((answer) => answer.untilMs));
    const missing = answers.filter(({ kind }) => kind === 'unavailable').map((answer) => answer.untilMs);
    if (missing.length > 0 || tdmrep.kind === 'unavailable') {
      const atMs = Math.max(...missing);
      const rules = {
        kind: 'unavailable',
        reason: 'policy-file-unreachable',
        untilMs: atMs,
        isGivenUp: false,
      } as const;
      if (!signal?.aborted) remember(origin, { ...rules, requested: false }, atMs);
      return { ...rules, requested };
    }
    const rules = { kind: 'rules', robots, tdmrep: tdmrep.value ?? [], licences } as const;
    const ofRights = JSON.stringify([rules.tdmrep, ...licences.values()]).length;
    remember(origin, { ...rules, requested: false }, untilMs, characters + ofRights);
    return { ...rules, requested };
  };

  return async (origin) => {
    const now = steadyNow();
    const remembered = known.get(origin);
    if (remembered && remembered.untilMs > now) return remembered.rules;
    let answer = fetching.get(origin);
    if (!answer) {
      answer = readRules(origin, now).finally(() => fetching.delete(origin));
      fetching.set(origin, answer);
    }
    return answer;
  };

  async function readRules(origin: string, now: number): Promise<OriginRules> {
    const row = await store.origin(origin);
    const stored = row ? (JSON.parse(row.rules) as Stored) : null;
    // Nothing is believed for longer than a day, whatever the clock said when it was written.
    const untilMs = Math.min(row?.untilMs ?? 0, now + believeRulesMs);
    if (!stored || untilMs <= now) return fetchRules(origin, stored);
    if (stored.robots.kind === 'unavailable')
      return remember(origin, unavailable(stored.robots, untilMs, false), untilMs);
    const parsed = await readBody(stored.robots);
    if (parsed.kind === 'disallow') return parsed;
    if (!told.has(origin)) await tell(origin, parsed.robots);
    return withFiles(origin, parsed, untilMs, false);
  }
}

function unavailable(
  { reason, sinceMs, failures }: Extract<Stored['robots'], { kind: 'unavailable' }>,
  untilMs: number,
  requested: boolean,
): OriginRules {
  const isGivenUp = failures >= maxFailures && untilMs - sinceMs > giveUpMs;
  return { kind: 'unavailable', reason, untilMs, requested, isGivenUp };
}
