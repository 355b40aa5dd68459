/**
 * The rules of a robots.txt (RFC 9309), with Crawl-delay, sitemaps and AI preferences. Records that belong to no group are
 * skipped and end none (§2.2.4); the longest rule wins and a tie allows (§2.2.2). The request for it is in fetch/robots.ts.
 */
import { version } from '../../dataset/version.ts';
import { comparablePath, comparablePattern, matchesPath, mostSpecificMatches } from './path-pattern.ts';
import type { UsagePreference } from './usage-preferences.ts';

/** The name that robots.txt groups address this crawler by; it is also the first word of the User-Agent. */
export const productToken = 'lait';

/** The User-Agent, honest about who crawls: the contact is where site owners can reach the operator. */
export const userAgentOf = (contact: string | undefined): string =>
  `${productToken}/${version}${contact ? ` (+${contact})` : ''}`;

export interface RobotsRules {
  readonly allows: (url: string) => boolean;
  readonly crawlDelayMs: number;
  readonly sitemaps: readonly string[];
  /** `License` lines (RSL), as written: those of this crawler's group and those of none, else those of other groups. */
  readonly licenses: readonly string[];
  /** The `Content-Usage` and the `Content-Signal` lines of the longest path that matches; each counts by itself. */
  readonly usagePreferences: (url: string) => readonly UsagePreference[];
}

/** What a robots.txt has for this crawler, as plain data: it is read in another thread. */
export interface RobotsFile {
  /** The first that matches decides. Patterns are in the form for comparing. */
  readonly rules: readonly { readonly pattern: string; readonly allows: boolean }[];
  readonly crawlDelayMs: number;
  readonly sitemaps: readonly string[];
  readonly licenses: readonly string[];
  readonly usages: readonly (UsagePreference & { readonly pattern: string })[];
}

/** One line of a group, in the order of the file. */
interface Line {
  readonly name: string;
  readonly value: string;
}

/** Reads what a robots.txt has for this crawler. Sitemaps are as written. */
export function readRobots(body: string): RobotsFile {
  const { group, sitemaps, licenses } = readGroups(body.startsWith('\uFEFF') ? body.slice(1) : body);
  const rules = group
    .filter(({ name, value }) => (name === 'allow' || name === 'disallow') && value !== '')
    .map(({ name, value }) => ({ pattern: comparablePattern(value), allows: name === 'allow' }))
    .sort((a, b) => b.pattern.length - a.pattern.length || Number(b.allows) - Number(a.allows));
  let crawlDelayMs = 0;
  for (const { name, value } of group) {
    const seconds = name === 'crawl-delay' ? Number.parseFloat(value) : Number.NaN;
    if (Number.isFinite(seconds)) crawlDelayMs = Math.max(crawlDelayMs, 1000 * seconds);
  }
  const usages = group.flatMap(({ name, value }) => {
    if (name !== 'content-usage' && name !== 'content-signal') return [];
    const path = value.startsWith('/') ? value.split(/\s+/, 1)[0]! : '';
    return [{ pattern: comparablePattern(path), field: name, value: value.slice(path.length).trim() } as const];
  });
  return { rules, crawlDelayMs, sitemaps, licenses, usages };
}

/** What a robots.txt that was read says of URLs. */
export function robotsRules({ rules, crawlDelayMs, sitemaps, licenses, usages }: RobotsFile): RobotsRules {
  const byField = (['content-usage', 'content-signal'] as const).map((field) =>
    usages.filter((usage) => usage.field === field),
  );
  return {
    allows: (url) => {
      const path = comparablePath(url);
      return path === '/robots.txt' || (rules.find(({ pattern }) => matchesPath(pattern, path))?.allows ?? true);
    },
    crawlDelayMs,
    sitemaps,
    licenses,
    usagePreferences: (url) =>
      byField.flatMap((lines) =>
        mostSpecificMatches(lines, ({ pattern }) => pattern, url).map(({ field, value }) => ({ field, value })),
      ),
  };
}

/** The rules that a robots.txt has for this crawler. */
export const parseRobots = (body: string): RobotsRules => robotsRules(readRobots(body));

const groupLine = /^(?:allow|disallow|crawl-delay|content-usage|content-signal)$/;

/**
 * The lines of all groups that address this crawler, else of those for `*`; and the sitemaps, which belong to none. Lines of other
 * groups are not kept: agents times lines do not fit into memory.
 */
function readGroups(body: string): {
  readonly group: readonly Line[];
  readonly sitemaps: readonly string[];
  readonly licenses: readonly string[];
} {
  const groups: Record<Addressee, Line[] | null> = { us: null, all: null };
  const sitemaps: string[] = [];
  const licenses = new Map<string, Set<Addressee | 'none' | 'others'>>();
  let addressees = new Set<Addressee | 'others'>();
  let isNaming = false;
  for (const line of body.split(/\r\n|\r|\n/)) {
    const [, written = '', rest = ''] = /^\s*([\w-]+)\s*:([^#]*)/.exec(line) ?? [];
    const [name, value] = [written.toLowerCase(), rest.trim()];
    if (name === 'sitemap' && value !== '') sitemaps.push(value);
    if (name === 'license' && value !== '') {
      const known = licenses.get(value) ?? new Set();
      licenses.set(value, known);
      if (addressees.size === 0) known.add('none');
      for (const addressee of addressees) known.add(addressee);
    }
    if (name === 'user-agent') {
      if (!isNaming) addressees = new Set();
      isNaming = true;
      // A product token is letters, `_` and `-` (§2.2.1); what follows it, such as a version, is no part of it.
      const agent = value.startsWith('*') ? '*' : (/^[a-z_-]+/i.exec(value)?.[0].toLowerCase() ?? '');
      const addressee = agent === productToken ? 'us' : agent === '*' ? 'all' : 'others';
      addressees.add(addressee);
      if (addressee !== 'others') groups[addressee] ??= [];
    } else if (groupLine.test(name)) {
      isNaming = false;
      for (const addressee of addressees) if (addressee !== 'others') groups[addressee]!.push({ name, value });
    }
  }
  const ours = groups.us === null ? 'all' : 'us';
  const all = [...licenses.keys()];
  const forUs = all.filter((value) => licenses.get(value)!.has('none') || licenses.get(value)!.has(ours));
  return {
    group: groups[ours] ?? [],
    sitemaps,
    // A line after the last group is meant for all as often as for that group.
    licenses: forUs.length > 0 ? forUs : all,
  };
}

/** Whom a group addresses that counts here. */
type Addressee = 'us' | 'all';
