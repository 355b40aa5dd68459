/**
 * The rules of a robots.txt (RFC 9309). Groups, wildcards, longest match and ties that allow are robots-parser's; records that
 * belong to no group, encodings and `Content-Usage` are ours. The request for it is in fetch/robots.ts.
 */
import robotsParser from 'robots-parser';
import { version } from '../../dataset/version.ts';
import { mostSpecificMatches } from './path-pattern.ts';

/** The name that robots.txt groups address this crawler by; it is also the first word of the User-Agent. */
export const productToken = 'lait';

/** The User-Agent, honest about who crawls: the contact is where site owners can reach the operator. */
export const userAgentOf = (contact: string | undefined): string =>
  `${productToken}/${version}${contact ? ` (+${contact})` : ''}`;

export interface RobotsRules {
  readonly allows: (url: string) => boolean;
  readonly crawlDelayMs: number;
  readonly sitemaps: readonly string[];
  /** The `Content-Usage` and `Content-Signal` values of the longest matching path, joined; null when there is none. */
  readonly contentUsage: (url: string) => string | null;
}

/** Reads the rules of an origin for this crawler. */
export function parseRobots(origin: string, body: string): RobotsRules {
  const text = decodeUnreserved(groupLines(body.startsWith('\uFEFF') ? body.slice(1) : body));
  // The default import of this CommonJS module is the function itself at run time and a namespace to TypeScript.
  const parse = robotsParser as unknown as typeof robotsParser.default;
  const robots = parse(`${origin}/robots.txt`, text);
  const usages = contentUsages(text);
  return {
    allows: (url) => url === `${origin}/robots.txt` || (robots.isAllowed(decodeUnreserved(url), productToken) ?? true),
    crawlDelayMs: Math.max(0, (robots.getCrawlDelay(productToken) ?? 0) * 1000),
    sitemaps: robots.getSitemaps(),
    contentUsage: (url) => {
      const values = mostSpecificMatches(usages, ({ path }) => path, decodeUnreserved(url)).map(({ value }) => value);
      return values.length > 0 ? values.join('; ') : null;
    },
  };
}

/**
 * RFC 9309 §2.2.4: other records must not interfere with the groups, which they would end for robots-parser and for us.
 * Only lines that belong to groups stay where they are; sitemaps, which belong to none, come last.
 */
function groupLines(body: string): string {
  const lines = body.split(/\r\n|\r|\n/);
  const ofGroups = lines.filter((line) =>
    /^\s*(?:user-agent|allow|disallow|crawl-delay|content-(?:usage|signal))\s*:/i.test(line),
  );
  return [...ofGroups, ...lines.filter((line) => /^\s*sitemap\s*:/i.test(line))].join('\n');
}

/** RFC 9309 §2.2.2: an encoded unreserved character equals the character itself. */
function decodeUnreserved(text: string): string {
  return text.replace(/%(2d|2e|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/**
 * `Content-Usage: [path] preferences` lines (AIPREF attach draft) and Cloudflare's `Content-Signal` of the groups that
 * address this crawler, else of `*`.
 */
function contentUsages(body: string): { path: string; value: string }[] {
  const groups = new Map<string, { path: string; value: string }[]>();
  let agents: string[] = [];
  let collecting = true;
  for (const line of body.split(/\r\n|\r|\n/)) {
    const match = /^\s*([\w-]+)\s*:\s*([^#]*)/.exec(line);
    if (!match) continue;
    const [name, value] = [match[1]!.toLowerCase(), match[2]!.trim()];
    if (name === 'user-agent') {
      if (!collecting) agents = [];
      collecting = true;
      agents.push(value.toLowerCase().split('/')[0]!.trim());
      for (const agent of agents) if (!groups.has(agent)) groups.set(agent, []);
      continue;
    }
    collecting = false;
    if (name !== 'content-usage' && name !== 'content-signal') continue;
    const path = value.startsWith('/') ? value.split(/\s+/, 1)[0]! : '';
    for (const agent of agents) groups.get(agent)!.push({ path, value: value.slice(path.length).trim() });
  }
  return groups.get(productToken) ?? groups.get('*') ?? [];
}
