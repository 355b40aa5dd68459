/**
 * Links that lead nowhere new: paths that repeat themselves (relative links gone wrong), paths that never end, queries
 * with parameters upon parameters, calendars that go on for ever. Each has its reason.
 */
import type { Reason } from './reasons.ts';
import { isTooLong } from './url.ts';

/** Different queries of one path: a search or a filter that can be combined for ever. Ours: lists with pages are shorter. */
export const maxQueries = 500;
const maxSegments = 20;
const maxParameters = 12;

/** A segment that comes up so often in one path, or a run of segments right after itself. */
const maxRepeats = 3;

/** Why a URL, given by its key, is not queued, or null. `now` is for the years that a calendar may show. */
export function trapReason(url: string, now = new Date()): Reason | null {
  if (isTooLong(url)) return 'url-too-long';
  const { pathname, search } = new URL(url);
  const segments = pathname.split('/').filter((segment) => segment !== '');
  if (segments.length > maxSegments) return 'trap-deep-path';
  if (repeats(segments)) return 'trap-repeating-path';
  if (search !== '') {
    const parameters = search.slice(1).split('&');
    if (parameters.length > maxParameters) return 'trap-many-parameters';
    const names = parameters.map((parameter) => parameter.split('=', 1)[0]);
    if (names.length - new Set(names).size >= maxRepeats) return 'trap-repeating-parameter';
  }
  return isFarCalendar(pathname + search, now.getUTCFullYear()) ? 'trap-calendar' : null;
}

function repeats(segments: readonly string[]): boolean {
  const counts = new Map<string, number>();
  for (const segment of segments) {
    const count = (counts.get(segment) ?? 0) + 1;
    counts.set(segment, count);
    if (count > maxRepeats) return true;
  }
  // a/b/a/b/a/b
  for (let length = 1; length <= segments.length / 2; length++) {
    for (let at = 0; at + 2 * length <= segments.length; at++) {
      let times = 1;
      while (sameRun(segments, at, at + times * length, length)) times += 1;
      if (times >= maxRepeats) return true;
    }
  }
  return false;
}

function sameRun(segments: readonly string[], a: number, b: number, length: number): boolean {
  if (b + length > segments.length) return false;
  for (let i = 0; i < length; i++) if (segments[a + i] !== segments[b + i]) return false;
  return true;
}

/** A link to a month or day that lies years ahead, or before there was a web page about it, in a page that looks like a calendar. */
function isFarCalendar(path: string, thisYear: number): boolean {
  if (!/calend|event|agenda|month|day|week|date|year|archive|termin|kalend/i.test(path)) return false;
  const years = path.matchAll(/(?:^|[^0-9])((?:1[5-9]|2[0-9])\d\d)(?:[-/_.](?:0?[1-9]|1[0-2])(?![0-9])|$|[&/])/g);
  for (const [, year] of years) {
    if (Number(year) > thisYear + 2 || Number(year) < 1970) return true;
  }
  return false;
}
