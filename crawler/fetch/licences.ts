/** The RSL licences of one answer: those that robots.txt names, its `Link` header's, the page's own and those it links to. */
import type { Page } from '../page/extract.ts';
import { maxLicences } from '../page/head.ts';
import type { Headers, RslLicences } from '../policy/rights.ts';
import { parseRsl, rslLinks } from '../policy/rsl.ts';
import { absoluteUrl } from '../policy/url.ts';
import type { PolicyFiles } from './policy-files.ts';

/** What an answer itself says of licences. */
export interface Licensed {
  readonly url: string;
  readonly headers: Headers;
  readonly page?: Pick<Page, 'rslUrls' | 'rslInline'>;
}

export interface FoundLicences {
  readonly licences: RslLicences;
  /** Files that were asked for, now. */
  readonly requests: number;
  /** When those are asked for again that could not be had for a passing reason, in ms since 1970; null where all are known. */
  readonly waitsUntilMs: number | null;
}

/** Reads the licences of an answer; files that are not known yet are fetched. */
export async function licencesOf(
  { url, headers, page }: Licensed,
  ofRobots: RslLicences,
  files: PolicyFiles,
): Promise<FoundLicences> {
  const licences = new Map([...ofRobots, ...inlineLicences(page?.rslInline)]);
  const linked = rslLinks(headers.link).map((target) => absoluteUrl(target, url));
  let requests = 0;
  let waitsUntilMs: number | null = null;
  for (const file of new Set([...linked.slice(0, maxLicences), ...(page?.rslUrls ?? [])])) {
    if (file === null || licences.has(file)) continue;
    const licence = await files.licence(file);
    if (licence.requested) requests += 1;
    if (licence.kind === 'unavailable') waitsUntilMs = Math.max(waitsUntilMs ?? 0, licence.untilMs);
    else if (licence.value !== null) licences.set(file, licence.value);
  }
  return { licences, requests, waitsUntilMs };
}

/** What stands in the page itself. */
export function inlineLicences(rslInline: readonly string[] = []): RslLicences {
  const contents = rslInline.flatMap((xml) => parseRsl(xml) ?? []);
  return new Map(contents.length > 0 ? [['inline', contents]] : []);
}
