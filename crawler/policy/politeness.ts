/**
 * How long a host is left alone between two requests. The model is Heritrix' (a multiple of the last answer's time,
 * between bounds) joined with robots.txt's Crawl-delay, and back-off after 429, 503 and failures.
 */

export interface Manners {
  /** The shortest pause between two requests to one host, in ms; 0 switches the pause off, for one's own server. */
  readonly minDelayMs: number;
  /** Crawl-delay and the adaptive pause count up to this, in ms. */
  readonly maxDelayMs: number;
  /** The pause is this many times the last answer's time. 5 is Heritrix' `delayFactor`. */
  readonly latencyFactor: number;
}

/** 1 s and 30 s are what StormCrawler keeps to; Nutch waits 5 s, Heritrix 3 s to 30 s. */
export const defaultManners: Manners = { minDelayMs: 1000, maxDelayMs: 30_000, latencyFactor: 5 };

/**
 * The pause after an answer that took `latencyMs`, in ms. Several requests that could not wait for each other (redirects on
 * the host, what a rendered page loaded) are paid back with as many pauses, together at most `maxDelayMs`.
 */
export function delayMs(manners: Manners, crawlDelayMs: number, latencyMs: number, requests = 1): number {
  const crawlDelay = Math.min(crawlDelayMs, manners.maxDelayMs);
  const adaptive = manners.minDelayMs === 0 ? 0 : Math.min(manners.latencyFactor * latencyMs, manners.maxDelayMs);
  const one = Math.max(manners.minDelayMs, crawlDelay, adaptive);
  return Math.round(Math.max(one, Math.min(requests * one, manners.maxDelayMs)));
}

/**
 * The pause after the n-th failure in a row (n ≥ 1), in ms: twice the shortest pause, doubling, at most 60 s; with the
 * default of 1 s that is how Crawlee throttles.
 */
export function backOffMs(failures: number, { minDelayMs }: Manners): number {
  return Math.min(60_000, Math.max(20, 2 * minDelayMs) * 2 ** (failures - 1));
}

/** After so many failures in a row a host is left for the next run. */
export const maxFailures = 5;

/**
 * The Retry-After header of a response (seconds or a date) in ms from now, at most a day; null when there is none. A date is
 * one of the server's clock, which its Date header tells.
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs = Date.now(),
): number | null {
  const value = [headers['retry-after']].flat()[0];
  if (value === undefined || value.trim() === '') return null;
  const serverMs = Date.parse([headers.date].flat()[0] ?? '');
  const sinceMs = Number.isNaN(serverMs) ? nowMs : serverMs;
  const waitMs = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - sinceMs;
  return Number.isFinite(waitMs) ? Math.min(Math.max(waitMs, 0), 86_400_000) : null;
}
