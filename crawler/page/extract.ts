/**
 * Reads a page as a person sees it: its links, its images, every text that may describe an image, and which images are
 * what the page is about. cheerio (with htmlparser2, three times as fast as parse5 and as forgiving) makes the tree,
 * survey.ts walks it once, page-images.ts judges what it found.
 */
import { load } from 'cheerio/slim';
import type { Element } from 'domhandler';
import { cleanText } from './clean-text.ts';
import { type PageImages, pageImages } from './images.ts';
import { limitDepth } from './parse.ts';
import { type PageLink, scanPage } from './scan.ts';
import type { ScriptSigns } from './script-signs.ts';

export interface Page extends PageImages {
  readonly title: string;
  /** BCP 47 as declared on the html element; empty when it is not. */
  readonly lang: string;
  /** The beginning of the visible text, without header, navigation and footer when there is other text. */
  readonly text: string;
  readonly links: readonly PageLink[];
  readonly licenseUrl: string | null;
  /** `content` of meta tags by lower-case name or property; repeated ones joined with commas. */
  readonly meta: ReadonlyMap<string, string>;
  readonly signs: ScriptSigns;
}

/** Everything the crawl wants to know of an HTML page. `pageUrl` is where it was found, after redirects. */
export function extractPage(html: string, pageUrl: string): Page {
  const $ = load(limitDepth(html), { xml: { xmlMode: false, decodeEntities: true } });
  const found = scanPage($.root()[0]! as unknown as Element, pageUrl);
  const { title, lang, text, links, licenseUrl, meta, signs } = found;
  return {
    ...pageImages(found, pageUrl),
    title: title || cleanText(meta.get('og:title') ?? ''),
    lang,
    text,
    links,
    licenseUrl,
    meta,
    signs,
  };
}
