/**
 * Sitemaps (sitemaps.org protocol 0.9, XML or plain text, gzip or not) with the image extension, whose captions and titles
 * describe images too. Read token by token, without a tree: a sitemap may have 50 MB.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { normaliseUrl } from '../policy/url.ts';
import { decodeText } from './charset.ts';
import { cleanText } from './clean-text.ts';

/** Limits of the protocol, per file. */
export const maxSitemapBytes = 52_428_800;
const maxEntries = 50_000;

export interface SitemapImage {
  readonly url: string;
  readonly texts: readonly string[];
}

export interface Sitemap {
  /** Sitemaps that an index lists. */
  readonly sitemaps: readonly string[];
  readonly pages: readonly { readonly url: string; readonly images: readonly SitemapImage[] }[];
}

/** Reads a downloaded file, gzip or not; null when it is not a sitemap or unpacks to more than the protocol allows. */
export async function readSitemap(
  bytes: Buffer,
  contentType: string | undefined,
  base: string,
): Promise<Sitemap | null> {
  let plain = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      plain = await promisify(gunzip)(bytes, { maxOutputLength: maxSitemapBytes });
    } catch {
      return null;
    }
  }
  return parseSitemap(decodeText(plain, contentType), base);
}

/** What a sitemap says about an image of a page. */
export interface SitemapTexts {
  readonly pageUrl: string;
  readonly imageUrl: string;
  readonly text: string;
}

const token = /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([\w.:-]+)[^>]*?(\/?)>|([^<]+)/g;

/** Reads a decoded sitemap, or null. Entries without an http(s) URL are skipped, and all after the 50,000th. */
export function parseSitemap(text: string, base: string): Sitemap | null {
  if (!/<(?:\w+:)?(?:urlset|sitemapindex)[\s>]/i.test(text.slice(0, 4096))) return parseTextSitemap(text, base);
  const sitemaps: string[] = [];
  const pages: { url: string; images: SitemapImage[] }[] = [];
  let page: { url: string | null; images: SitemapImage[] } | null = null;
  let image: { url: string | null; texts: string[] } | null = null;
  let inIndexEntry = false;
  let content = '';
  for (const [, cdata, closing, qualified, selfClosing, data] of text.matchAll(token)) {
    if (cdata !== undefined) content += cdata;
    else if (data !== undefined) content += decodeEntities(data);
    if (qualified === undefined || selfClosing === '/') continue;
    // XML allows any prefix, but every sitemap in the wild writes image: for the extension.
    const name = qualified.toLowerCase();
    const value = content.trim();
    content = '';
    if (closing !== '/') {
      if (name === 'url') page = { url: null, images: [] };
      else if (name === 'image:image') image = { url: null, texts: [] };
      else if (name === 'sitemap') inIndexEntry = true;
      continue;
    }
    if (name === 'loc' && inIndexEntry) {
      const url = normaliseUrl(value, base);
      if (url !== null && sitemaps.length < maxEntries) sitemaps.push(url);
    } else if (name === 'loc' && page) page.url = normaliseUrl(value, base);
    else if (name === 'image:loc' && image) image.url = normaliseUrl(value, base);
    else if ((name === 'image:caption' || name === 'image:title') && image) {
      const clean = cleanText(value);
      if (clean !== '') image.texts.push(clean);
    } else if (name === 'image:image' && image) {
      if (image.url !== null) page?.images.push({ url: image.url, texts: image.texts });
      image = null;
    } else if (name === 'sitemap') inIndexEntry = false;
    else if (name === 'url' && page) {
      if (page.url !== null) pages.push({ url: page.url, images: page.images });
      page = null;
      if (pages.length >= maxEntries) break;
    }
  }
  return { sitemaps, pages };
}

/** One URL per line. A text that does not begin with one is not a sitemap. */
function parseTextSitemap(text: string, base: string): Sitemap | null {
  const lines = text.trim().split(/\r?\n/, maxEntries);
  if (!/^https?:\/\/\S+$/.test(lines[0]?.trim() ?? '')) return null;
  const urls = lines.map((line) => normaliseUrl(line.trim(), base)).filter((url) => url !== null);
  return { sitemaps: [], pages: urls.map((url) => ({ url, images: [] })) };
}

const namedEntities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return namedEntities[name] ?? whole;
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '';
  });
}
