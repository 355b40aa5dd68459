/**
 * Files that say what may be done with a site, apart from robots.txt: TDMRep's and RSL licences. Each is asked for once and kept in
 * the frontier for a day, whatever robots.txt says of it. One that is not there says nothing. One that could not be had for a
 * passing reason is asked for again after growing pauses: what was known before holds meanwhile; where nothing was, its URLs
 * wait, and after five failures in a row, when it is more likely broken than away, they go on without it until the next try.
 */
import { steadyNow } from '../policy/clock.ts';
import { type Manners, maxFailures, retryAfterMs } from '../policy/politeness.ts';
import type { Reason } from '../policy/reasons.ts';
import type { TdmRule } from '../policy/rights.ts';
import type { RslContent } from '../policy/rsl.ts';
import type { Workers } from '../workers/workers.ts';
import { type Fetched, type Fetcher, isTemporary, type NotFetched } from './fetch.ts';
import { firstValue } from './headers.ts';
import { believeRulesMs, putOffMs } from './robots.ts';

export type PolicyFile<T> = (
  | { readonly kind: 'unavailable' }
  /** Null: there is none. */
  | { readonly kind: 'known'; readonly value: T | null }
) & {
  readonly untilMs: number;
  /** This call led to a request. */
  readonly requested: boolean;
};

export interface PolicyFiles {
  readonly tdmrep: (origin: string) => Promise<PolicyFile<readonly TdmRule[]>>;
  /** By the URL of the licence. */
  readonly licence: (url: string) => Promise<PolicyFile<readonly RslContent[]>>;
}

/** What is kept of an origin or a file, as text, and until when it may be believed, in ms since 1970. */
export interface KnownOrigin {
  readonly rules: string;
  readonly untilMs: number;
}

/** Where the rules of origins and files are kept between runs; undefined for one that is new. */
export interface OriginStore {
  origin(key: string): KnownOrigin | undefined | Promise<KnownOrigin | undefined>;
  setOrigin(key: string, rules: string, untilMs: number): void | Promise<void>;
}

interface Stored {
  /** What was last read of the file. */
  readonly value?: unknown;
  /** In a row, since. */
  readonly failures: number;
}

const maxFileBytes = 1_000_000;

const nothing = { done: true, value: null } as const;

/** Opens the files; concurrent calls for one share one request. */
export function openPolicyFiles(
  store: OriginStore,
  fetcher: Fetcher,
  {
    manners,
    workers,
    signal,
  }: { readonly manners: Manners; readonly workers: Workers; readonly signal?: AbortSignal | undefined },
): PolicyFiles {
  const fetching = new Map<string, Promise<PolicyFile<unknown>>>();

  const ask = async (url: string, kind: 'tdmrep' | 'rsl', before: Stored | null): Promise<PolicyFile<unknown>> => {
    const response = await fetcher.get(url, { maxBytes: maxFileBytes, signal });
    const nowMs = steadyNow();
    const isThere = response.ok && response.status >= 200 && response.status < 300;
    const read = isThere ? await workers.run(kind, response.body.toString('utf8').replace(/^\uFEFF/, '')) : nothing;
    if (!isPassing(response) && read.done) {
      const { value } = read;
      const untilMs = nowMs + believeRulesMs;
      await store.setOrigin(url, JSON.stringify({ value, failures: 0 } satisfies Stored), untilMs);
      return { kind: 'known', value, untilMs, requested: true };
    }
    const stored = { ...before, failures: (before?.failures ?? 0) + 1 };
    const untilMs = nowMs + Math.max(retryAfterMs(response.headers) ?? 0, putOffMs(stored.failures, manners));
    if (!signal?.aborted) await store.setOrigin(url, JSON.stringify(stored), untilMs);
    return answer(stored, untilMs, true);
  };

  const read = async (url: string, kind: 'tdmrep' | 'rsl'): Promise<PolicyFile<unknown>> => {
    const row = await store.origin(url);
    const stored = row ? (JSON.parse(row.rules) as Stored) : null;
    const untilMs = Math.min(row?.untilMs ?? 0, steadyNow() + believeRulesMs);
    return stored && untilMs > steadyNow() ? answer(stored, untilMs, false) : ask(url, kind, stored);
  };

  const fileOf = (url: string, kind: 'tdmrep' | 'rsl'): Promise<PolicyFile<unknown>> => {
    let reading = fetching.get(url);
    if (!reading) {
      reading = read(url, kind).finally(() => fetching.delete(url));
      fetching.set(url, reading);
    }
    return reading;
  };

  return {
    tdmrep: (origin) =>
      fileOf(`${origin}/.well-known/tdmrep.json`, 'tdmrep') as Promise<PolicyFile<readonly TdmRule[]>>,
    licence: (url) => fileOf(url, 'rsl') as Promise<PolicyFile<readonly RslContent[]>>,
  };
}

function answer({ value, failures }: Stored, untilMs: number, requested: boolean): PolicyFile<unknown> {
  if (value === undefined && failures < maxFailures) return { kind: 'unavailable', untilMs, requested };
  return { kind: 'known', value: value ?? null, untilMs, requested };
}

/** Whether nobody knows whether the file is there. */
function isPassing(response: Fetched | NotFetched): boolean {
  if (response.ok) return response.status >= 500 || response.status === 429 || response.status === 408;
  // It is there and could not be read, unless it is a page by its type: sites answer with their home page for what they lack.
  if (unread.has(response.reason)) return !/html/i.test(firstValue(response.headers['content-type']) ?? '');
  return isTemporary(response.reason);
}

const unread: ReadonlySet<Reason> = new Set<Reason>(['too-many-bytes', 'broken-compression', 'broken-http', 'tls']);
