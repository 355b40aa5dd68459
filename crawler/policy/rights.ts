/**
 * Signals by which a site reserves its rights, read before an image's bytes are taken; the most restrictive wins and the
 * raw values are kept as evidence. X-Robots-Tag and robots meta tags (`noai`, `noimageai`, `noml` of noml.info, `noindex`, `noimageindex`), the
 * TDM Reservation Protocol (W3C community report of 2024-05-10: well-known file, header, meta) and usage preferences
 * (usage-preferences.ts: header and robots.txt lines). docs/politeness.md has all of them in one table.
 */
import { comparablePattern, mostSpecificMatches } from './path-pattern.ts';
import type { Reason } from './reasons.ts';
import { productToken } from './robots.ts';
import { type RslContent, rslReservation } from './rsl.ts';
import { forbidsTraining, type UsagePreference } from './usage-preferences.ts';

/** Raw values by signal name: `x-robots-tag`, `meta-robots`, `tdm-reservation`, `tdmrep.json`, `content-usage`, … */
export type Evidence = Record<string, string>;

/** Of a record: none where nothing was said. */
export const evidenceOf = (rights: Evidence): { readonly rights?: Evidence } =>
  Object.keys(rights).length > 0 ? { rights } : {};

export interface Rights {
  /** The reason of a refusal; null when nothing forbids. */
  readonly refused: Reason | null;
  readonly evidence: Evidence;
  /** The page asks that its links are not followed. */
  readonly nofollow: boolean;
}

/** Of a licence. */
const maxEvidenceLength = 2000;

/** Most telling first: a value that refuses for machine learning before one that refuses for indexes. */
const refusing = ['noai', 'noimageai', 'noml', 'noimageindex', 'noindex', 'none'] as const;

/** Directives that take a value after a colon, so that their name is not mistaken for a crawler's. */
const valued = new Set(['unavailable_after', 'max-snippet', 'max-image-preview', 'max-video-preview']);

/** A crawler's name. A date after `unavailable_after` has commas and colons too, and is none. */
const agentName = /^(?:\*|[a-z_][\w.-]*)$/;

/** The parts of a list; the comma after a weekday belongs to the date of `unavailable_after` (RFC 9110 §5.6.7). */
const partsOf = (value: string): string[] => value.split(/(?<!\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}),/i);

/** Whether a page was available until a date that has passed. A date that nobody can read says nothing. */
function isPast(directive: string, nowMs: number): boolean {
  const [, date] = /^unavailable_after\s*:\s*(.{1,100})$/.exec(directive) ?? [];
  return date !== undefined && Date.parse(date) < nowMs;
}

/** The directives of X-Robots-Tag values that address every crawler or this one. */
export function robotsDirectives(value: string): Set<string> {
  const directives = new Set<string>();
  let forUs = true;
  for (const part of partsOf(value)) {
    let directive = part.trim().toLowerCase();
    const colon = directive.indexOf(':');
    const name = directive.slice(0, colon).trim();
    if (colon > 0 && agentName.test(name) && !valued.has(name)) {
      forUs = [productToken, '*'].includes(name);
      directive = directive.slice(colon + 1).trim();
    }
    if (forUs && directive !== '') directives.add(directive);
  }
  return directives;
}

/** Headers of a response by their names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** An RSL licence by where it was found: its address, or `inline`. */
export type RslLicences = ReadonlyMap<string, readonly RslContent[]>;

export interface RightsSources {
  readonly headers: Headers;
  /** Of the page; an image has none. */
  readonly meta?: ReadonlyMap<string, string>;
  readonly url: string;
  /** The rules of the URL's origin. */
  readonly tdmrep: readonly TdmRule[];
  /** `Content-Usage` and `Content-Signal` of robots.txt for this URL. */
  readonly robotsUsage: readonly UsagePreference[];
  /** Licences that robots.txt, headers or the page name. */
  readonly licences?: RslLicences;
  /** Now, for `unavailable_after`; in ms since 1970. */
  readonly nowMs?: number;
}

/** What the signals of one page or one image together say. */
export function rightsOf({
  headers,
  meta,
  url,
  tdmrep,
  robotsUsage,
  licences = new Map(),
  nowMs = Date.now(),
}: RightsSources): Rights {
  const evidence: Evidence = {};
  const reasons: Reason[] = [];
  const directives = new Set<string>();

  // Several headers are one list each: a crawler's name in one does not reach into the next.
  const tags = headers['x-robots-tag'];
  if (tags !== undefined) {
    evidence['x-robots-tag'] = [tags].flat().join(', ');
    for (const tag of [tags].flat()) for (const directive of robotsDirectives(tag)) directives.add(directive);
  }
  for (const name of ['robots', productToken]) {
    const value = meta?.get(name);
    if (value === undefined) continue;
    evidence[`meta-${name}`] = value;
    for (const directive of partsOf(value.toLowerCase())) directives.add(directive.trim());
  }
  for (const word of refusing) if (directives.has(word)) reasons.push(`rights-${word}`);
  if ([...directives].some((directive) => isPast(directive, nowMs))) reasons.push('rights-noindex');

  const reservation = tdmReservation(headers, meta, url, tdmrep, evidence);
  if (reservation) reasons.push('rights-tdm-reservation');

  for (const field of ['content-usage', 'content-signal'] as const) {
    const header = headerText(headers[field]);
    const inRobots = robotsUsage.filter((usage) => usage.field === field).map(({ value }) => value);
    const values = header === null ? inRobots : [header, ...inRobots];
    if (values.length > 0) evidence[field] = values.join('; ');
    if (values.some((value) => forbidsTraining(value, field))) reasons.push('rights-content-usage');
  }

  const reserving = [...licences].flatMap(([source, contents]) => {
    const content = rslReservation(contents, url);
    return content ? [`${source} ${JSON.stringify(content)}`.slice(0, maxEvidenceLength)] : [];
  });
  if (reserving.length > 0) reasons.push('rights-rsl');
  if (licences.size > 0) evidence.rsl = reserving[0] ?? [...licences.keys()].join(' ').slice(0, maxEvidenceLength);

  return {
    refused: reasons[0] ?? null,
    evidence,
    nofollow: directives.has('nofollow') || directives.has('none'),
  };
}

const headerText = (value: string | string[] | undefined): string | null =>
  value === undefined ? null : [value].flat().join(', ');

/** One entry of `/.well-known/tdmrep.json`. */
export interface TdmRule {
  readonly location: string;
  readonly reservation: 0 | 1;
  readonly policy?: string;
}

/** Made once for each rule: a file may have thousands, and each is compared with every URL. */
const patterns = new WeakMap<TdmRule, string>();

function patternOf(rule: TdmRule): string {
  const known = patterns.get(rule) ?? comparablePattern(rule.location);
  patterns.set(rule, known);
  return known;
}

/** Reads the well-known file; entries that are not as the protocol says are left out. */
export function parseTdmrep(body: string): TdmRule[] {
  let entries: unknown;
  try {
    entries = JSON.parse(body);
  } catch {
    return [];
  }
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: Record<string, unknown> | null): TdmRule[] => {
    const location = entry?.location;
    const reservation = entry?.['tdm-reservation'];
    if (typeof location !== 'string' || (reservation !== 0 && reservation !== 1)) return [];
    const policy = entry?.['tdm-policy'];
    return [{ location, reservation, ...(typeof policy === 'string' ? { policy } : {}) }];
  });
}

/** The first of file, header and meta that says 0 or 1 decides (TDMRep §4); within the file the most specific location. */
function tdmReservation(
  headers: Headers,
  meta: ReadonlyMap<string, string> | undefined,
  url: string,
  rules: readonly TdmRule[],
  evidence: Evidence,
): boolean {
  const rulings = mostSpecificMatches(rules, patternOf, url);
  const ruling = rulings.find(({ reservation }) => reservation === 1) ?? rulings[0];
  if (ruling) {
    evidence['tdmrep.json'] = JSON.stringify(ruling);
    return ruling.reservation === 1;
  }
  for (const [source, value, policy] of [
    ['tdm-reservation', headerText(headers['tdm-reservation']), headerText(headers['tdm-policy'])],
    ['meta-tdm-reservation', meta?.get('tdm-reservation') ?? null, meta?.get('tdm-policy') ?? null],
  ] as const) {
    // A proxy and what is behind it may both say it: one reservation among them reserves.
    const said = new Set(value?.split(',').map((one) => one.trim()));
    const decisive = ['1', '0'].find((one) => said.has(one));
    if (decisive === undefined) continue;
    evidence[source] = policy ? `${decisive} ${policy}` : decisive;
    return decisive === '1';
  }
  return false;
}
