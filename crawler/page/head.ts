/** What a page says of itself, mostly in its head: title, language, base URL, license, meta tags, JSON-LD. */
import type { Element } from 'domhandler';
import { metaReferrerPolicy, type ReferrerPolicy } from '../policy/referrer.ts';
import { isRslType } from '../policy/rsl.ts';
import { absoluteUrl, maxRequestLength } from '../policy/url.ts';
import { refreshTarget } from './links.ts';
import { textOf } from './visible-text.ts';
import type { Attributes } from './walk.ts';

export interface MetaTag {
  /** The name or property, in lower case. */
  readonly key: string;
  readonly content: string;
}

/** Ours: sites name a feed of their articles, one of comments, and one a section. */
const maxFeeds = 10;

/** What is relative to it is no URL. A base that is too long for any request would make each URL of a page as long. */
const nowhere = 'about:blank';

/** RSL licences of one page. */
export const maxLicences = 5;

/** Gathers what a page says of itself as the walk meets it. */
export class PageHead {
  /** What relative URLs are relative to. */
  base: string;
  title = '';
  lang = '';
  licenseUrl: string | null = null;
  /** Where the page sends its visitor by itself. */
  refresh: string | null = null;
  /** The last policy that a meta tag names; it wins over the header's. */
  referrerPolicy: ReferrerPolicy | null = null;
  /** Feeds and sitemaps of the site. */
  readonly feeds: string[] = [];
  /** RSL licences: addresses of files, and those that stand in the page. */
  readonly rslUrls: string[] = [];
  readonly rslInline: string[] = [];
  /** The next page of a series. */
  next: string | null = null;
  /** The contents by key, repeated ones joined with commas. */
  readonly meta = new Map<string, string>();
  /** In document order; `link rel=image_src` is among them with the key `image`. */
  readonly metaTags: MetaTag[] = [];
  readonly jsonLd: string[] = [];
  readonly #pageUrl: string;
  #hasBase = false;

  constructor(pageUrl: string) {
    this.#pageUrl = pageUrl;
    this.base = pageUrl;
  }

  addHtml(attribs: Attributes): void {
    this.lang = attribs.lang ?? attribs['xml:lang'] ?? '';
  }

  addBase({ href }: Attributes): void {
    if (this.#hasBase || href === undefined) return;
    this.#hasBase = true;
    const base = absoluteUrl(href, this.#pageUrl) ?? this.#pageUrl;
    this.base = base.length > maxRequestLength ? nowhere : base;
  }

  addTitle(element: Element): void {
    if (this.title === '') this.title = textOf(element);
  }

  addMeta({ name, property, 'http-equiv': httpEquiv, content }: Attributes): void {
    if (httpEquiv?.trim().toLowerCase() === 'refresh' && content !== undefined)
      this.refresh ??= refreshTarget(content, this.base);
    if (name?.toLowerCase() === 'referrer')
      this.referrerPolicy = metaReferrerPolicy(content ?? '') ?? this.referrerPolicy;
    const key = (name ?? property ?? httpEquiv ?? '').toLowerCase();
    if (key === '' || content === undefined) return;
    const known = this.meta.get(key);
    this.meta.set(key, known === undefined ? content : `${known}, ${content}`);
    this.metaTags.push({ key, content });
  }

  addLink({ rel = '', href = '', type = '' }: Attributes): void {
    const isFeed = /\balternate\b/i.test(rel) && /^application\/(?:rss|atom|rdf)\+xml/i.test(type.trim());
    if ((isFeed || /^\s*sitemap\s*$/i.test(rel)) && this.feeds.length < maxFeeds) {
      const url = absoluteUrl(href, this.base);
      if (url !== null) this.feeds.push(url);
    }
    if (/^\s*next\s*$/i.test(rel)) this.next ??= absoluteUrl(href, this.base);
    if (isLicense(rel) && isRslType(type)) {
      const url = absoluteUrl(href, this.base);
      if (url !== null && this.rslUrls.length < maxLicences) this.rslUrls.push(url);
    } else if (isLicense(rel)) this.licenseUrl ??= absoluteUrl(href, this.base);
    if (rel === 'image_src') this.metaTags.push({ key: 'image', content: href });
  }
}

export const isLicense = (rel: string): boolean => /\blicense\b/i.test(rel);
