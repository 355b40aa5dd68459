/**
 * Links that lead nowhere new. Some show it by their look: paths that repeat themselves (relative links gone wrong), paths
 * that never end, queries with parameters upon parameters. Others only by what they give: the pages of a calendar and those
 * of an archive have the same URLs, but an archive has pictures. Each has its reason.
 */
import { hash } from 'node:crypto';
import type { Reason } from './reasons.ts';
import { hostAndPortOf, isTooLong, pathOf } from './url.ts';

/**
 * Pages of one pattern in a row that have nothing new (see `Novelty`), before the pattern is a trap. Ours: eight years of
 * months without an issue, longer than the gaps of newspapers in war. A pattern that has given more gets as many.
 */
export const maxBarren = 100;

/** Pages in a row of one script (`/search?q=`) without a new picture, whatever their texts: queries can be combined for ever. Ours. */
export const maxPictureless = 500;

const maxSegments = 20;
const maxParameters = 12;

/** A segment that comes up so often in one path, or a run of segments right after itself. */
const maxRepeats = 3;

/** Why a URL, given by its key, is not queued for its look, or null. */
export function trapReason(url: string): Reason | null {
  if (isTooLong(url)) return 'url-too-long';
  const segments = pathOf(url)
    .split('/')
    .filter((segment) => segment !== '');
  if (segments.length > maxSegments) return 'trap-deep-path';
  if (repeats(segments)) return 'trap-repeating-path';
  const mark = url.indexOf('?');
  if (mark !== -1) {
    const parameters = url.slice(mark + 1).split('&');
    if (parameters.length > maxParameters) return 'trap-many-parameters';
    const names = parameters.map((parameter) => parameter.split('=', 1)[0]);
    if (names.length - new Set(names).size >= maxRepeats) return 'trap-repeating-parameter';
  }
  return null;
}

function repeats(segments: readonly string[]): boolean {
  if (segments.length < maxRepeats) return false;
  const counts = new Map<string, number>();
  for (const segment of segments) {
    // A number may come again and again: /1911/11/11/11/11 is the 11th page of a newspaper.
    if (isNumber(segment)) continue;
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

const isNumber = (segment: string): boolean => /^\d+$/.test(segment);

function sameRun(segments: readonly string[], a: number, b: number, length: number): boolean {
  if (b + length > segments.length || segments.slice(a, a + length).every(isNumber)) return false;
  for (let i = 0; i < length; i++) if (segments[a + i] !== segments[b + i]) return false;
  return true;
}

/** What the pages of one pattern have given. */
export interface Novelty {
  /** Pages with a picture or a text that was new to their host, in all, and pages since the last of them that led nowhere new either. */
  readonly fertile: number;
  readonly barren: number;
  /** The same for pictures alone. */
  readonly pictured: number;
  readonly pictureless: number;
}

/** Why pages of a pattern are not fetched any more, or null. */
export function noveltyTrap({ fertile, barren, pictured, pictureless }: Novelty, url: string): Reason | null {
  if (barren >= Math.max(maxBarren, fertile)) return 'trap-nothing-new';
  return url.includes('?') && pictureless >= Math.max(maxPictureless, pictured) ? 'trap-many-queries' : null;
}

/**
 * What a URL's pattern is known by: its path with every number the same, and the names of its query. Null where nothing
 * varies, so that the URL is alone. 48 bits of a hash: two patterns in a hundred million meet by chance.
 */
export function patternOf(url: string): number | null {
  const start = url.indexOf('/', 8);
  const mark = url.indexOf('?', start);
  const path = url.slice(start, mark === -1 ? undefined : mark).replace(/\d+/g, '0');
  const parts = mark === -1 ? [] : url.slice(mark + 1).split('&');
  const names = parts.map((part) => (part.includes('=') ? part.split('=', 1)[0]! : '')).join('&');
  const isAlone = mark === -1 && path === url.slice(start);
  return isAlone ? null : shortHash(`${url.slice(0, start)}${path}?${names.replace(/\d+/g, '0')}`);
}

/** What the text of a host's page is known by: its letters, since the dates of an empty calendar differ in their numbers. */
export const textKey = (url: string, text: string): number =>
  shortHash(`${hostAndPortOf(url)}\n${text.toLowerCase().replace(/[^\p{L}]+/gu, '')}`);

const shortHash = (text: string): number => hash('sha1', text, 'buffer').readUIntBE(0, 6);
