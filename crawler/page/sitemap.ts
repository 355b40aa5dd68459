/**
 * Sitemaps (sitemaps.org protocol 0.9, XML or plain text, gzip or not) with the image extension, whose captions and titles
 * describe images too, and the feeds that serve as sitemaps: RSS 2.0, RSS 1.0 (RDF) and Atom, with the images of Media RSS
 * and enclosures. Read token by token, without a tree: a sitemap may have 50 MB. Elements are told by their local names, so
 * that a file with another prefix, another namespace or none is read as well.
 */
import { promisify } from 'node:util';
import { constants, gunzip } from 'node:zlib';
import { Parser } from 'htmlparser2';
import type { Reason } from '../policy/reasons.ts';
import { type Address, absoluteUrl, addressOf } from '../policy/url.ts';
import { decodeText } from './charset.ts';
import { cleanText } from './clean-text.ts';
import { isImageFile } from './links.ts';

/** Limits of the protocol, per file. */
export const maxSitemapBytes = 52_428_800;
const maxEntries = 50_000;

/** The protocol's limit for the images of a page. */
const maxImages = 1000;

/** Ours: real files nest five elements deep, feeds with XHTML in them a few dozen. */
const maxDepth = 200;

/** Texts of one image, and of an entry for all its images. Ours: real ones have a title and a caption. */
const maxTextsOfImage = 20;

/** Texts of all images of a file, and their characters: one description may be said of every image of an entry. Ours. */
const maxTexts = 200_000;
const maxTextsLength = 10_000_000;

/** Characters of one element's text. Ours: longer ones are articles, not addresses or captions. */
const maxContentLength = 20_000;

export interface SitemapImage extends Address {
  readonly texts: readonly string[];
}

export interface SitemapPage extends Address {
  readonly images: readonly SitemapImage[];
}

export interface Sitemap {
  /** Sitemaps that an index lists. */
  readonly sitemaps: readonly Address[];
  readonly pages: readonly SitemapPage[];
}

/** What a sitemap says about an image of a page. Both are keys; `imageWritten` is what to request where that differs. */
export interface SitemapTexts {
  readonly pageUrl: string;
  readonly imageUrl: string;
  readonly imageWritten?: string | null;
  readonly text: string;
}

/** Reads a downloaded file, gzip or not, whatever its name; or says why it cannot be read. */
export async function readSitemap(
  bytes: Buffer,
  contentType: string | undefined,
  base: string,
): Promise<Sitemap | { readonly reason: Reason }> {
  let plain = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      // A file that was cut off keeps what is whole.
      plain = await promisify(gunzip)(bytes, {
        maxOutputLength: maxSitemapBytes,
        finishFlush: constants.Z_SYNC_FLUSH,
      });
    } catch (error) {
      const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      return { reason: isTooLarge ? 'too-many-bytes' : 'broken-compression' };
    }
  }
  return parseSitemap(decodeText(plain, utf16Type(plain) ?? contentType), base) ?? { reason: 'not-a-sitemap' };
}

/** UTF-16 without a byte order mark begins with `<` and a zero (XML 1.0, appendix F.1). */
function utf16Type([first, second]: Buffer): string | null {
  if (first === 0x3c && second === 0) return 'text/xml; charset=utf-16le';
  return first === 0 && second === 0x3c ? 'text/xml; charset=utf-16be' : null;
}

/** Whether a text looks like a sitemap or a feed in XML. */
export function isSitemapXml(text: string): boolean {
  const start = text.slice(0, 4096);
  return (
    /<(?:[\w.-]+:)?(?:urlset|sitemapindex|rss|feed|rdf)[\s>]/i.test(start) && !/<(?:!doctype\s+)?html[\s>]/i.test(start)
  );
}

/** Reads a decoded sitemap, or null. Entries without an http(s) URL are skipped, and all after the 50,000th. */
export function parseSitemap(text: string, base: string): Sitemap | null {
  return isSitemapXml(text) ? parseXmlSitemap(text, base) : parseTextSitemap(text, base);
}

/** One URL a line. A text that does not begin with one is not a sitemap. */
function parseTextSitemap(text: string, base: string): Sitemap | null {
  const lines = text.trim().split(/\r\n|\r|\n/, maxEntries);
  const urls = lines.map((line) => line.trim()).filter((line) => /^https?:\/\/\S+$/i.test(line));
  if (urls[0] === undefined || urls[0] !== lines[0]?.trim()) return null;
  const pages = urls.map((url) => absoluteUrl(url, base)).filter((url) => url !== null);
  return { sitemaps: [], pages: pages.map((url) => ({ ...addressOf(url), images: [] })) };
}

/** An image as its elements come. */
interface ImageEntry {
  url: string | null;
  readonly texts: string[];
}

/** A `url`, `sitemap`, `item` or `entry`. */
interface Entry {
  readonly isSitemap: boolean;
  url: string | null;
  title: string;
  readonly images: ImageEntry[];
  /** Of Media RSS, for all images of the entry. */
  readonly texts: string[];
}

const newEntry = (isSitemap: boolean, url: string | null): Entry => ({
  isSitemap,
  url,
  title: '',
  images: [],
  texts: [],
});

function parseXmlSitemap(text: string, base: string): Sitemap {
  const sitemaps: Address[] = [];
  const pages: SitemapPage[] = [];
  let entry: Entry | null = null;
  let image: ImageEntry | null = null;
  let rootPrefix = '';
  let mediaPrefix = 'media';
  let content = '';
  let depth = 0;
  const left: TextsLeft = { texts: maxTexts, characters: maxTextsLength };

  const toUrl = (href: string | undefined): string | null =>
    href === undefined ? null : absoluteUrl(href.trim(), base);

  /** Elements that say what they say in attributes, and those that others are inside of. */
  const enter = (prefix: string, name: string, attribs: Readonly<Record<string, string>>): void => {
    if (entry === null) {
      if (name === 'url' || name === 'item' || name === 'entry') entry = newEntry(false, toUrl(attribs['rdf:about']));
      else if (name === 'sitemap') entry = newEntry(true, null);
      return;
    }
    if (entry.images.length >= maxImages) return;
    const isMediaImage = prefix === mediaPrefix && name === 'content' && isImage(attribs);
    if (name === 'image' || isMediaImage) {
      image = { url: isMediaImage ? toUrl(attribs.url) : null, texts: [] };
      entry.images.push(image);
    } else if (name === 'enclosure' && isImage(attribs)) entry.images.push({ url: toUrl(attribs.url), texts: [] });
    else if (name === 'link' && attribs.href !== undefined) {
      const { rel = 'alternate', href } = attribs;
      if (rel === 'alternate') entry.url ??= toUrl(href);
      else if (rel === 'enclosure' && isImage({ ...attribs, url: href }))
        entry.images.push({ url: toUrl(href), texts: [] });
    }
  };

  const leave = (prefix: string, name: string, value: string): void => {
    if (entry === null) return;
    const isMedia = prefix === mediaPrefix;
    if (image !== null && (name === 'loc' || name === 'url')) image.url = toUrl(value);
    else if (image !== null && (name === 'caption' || name === 'title' || (isMedia && name === 'description')))
      addText(image.texts, value);
    else if (name === 'image' || (isMedia && name === 'content')) {
      // RSS has images as bare addresses, too.
      if (image !== null && image.url === null && /^https?:/i.test(value)) image.url = toUrl(value);
      image = null;
    } else if (isMedia && (name === 'title' || name === 'description')) addText(entry.texts, value);
    else if (prefix === rootPrefix && name === 'title') entry.title = value;
    // A `loc` of another extension, such as that of a video's player, has another name.
    else if (name === 'loc' || (name === 'link' && value !== '')) entry.url = toUrl(value) ?? entry.url;
    else if (name === 'guid' && /^https?:/i.test(value)) entry.url ??= toUrl(value);
    else if (name === 'sitemap' || name === 'item' || name === 'entry' || name === 'url') {
      if (entry.url !== null && entry.isSitemap) sitemaps.push(addressOf(entry.url));
      else if (entry.url !== null) pages.push({ ...addressOf(entry.url), images: imagesOf(entry, left) });
      entry = null;
      image = null;
    }
  };

  const parser = new Parser(
    {
      onopentag(qualified, attribs) {
        depth += 1;
        content = '';
        for (const key in attribs) {
          if (key.startsWith('xmlns:') && attribs[key]!.includes('search.yahoo.com/mrss')) mediaPrefix = key.slice(6);
        }
        const [prefix, name] = nameOf(qualified);
        // The items of RDF have no prefix, its root has.
        if (depth === 1 && name !== 'rdf') rootPrefix = prefix;
        enter(prefix, name, attribs);
        if (depth > maxDepth) parser.pause();
      },
      ontext(data) {
        if (content.length < maxContentLength) content += data;
      },
      onclosetag(qualified) {
        depth -= 1;
        leave(...nameOf(qualified), content.trim());
        content = '';
        if (pages.length + sitemaps.length >= maxEntries) parser.pause();
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  // Not ended: that would close what a file that was cut off left open.
  parser.write(text);
  return { sitemaps, pages };
}

/** Prefix (empty without one) and local name, in lower case. */
function nameOf(qualified: string): [string, string] {
  const colon = qualified.indexOf(':');
  return [qualified.slice(0, Math.max(colon, 0)).toLowerCase(), qualified.slice(colon + 1).toLowerCase()];
}

/** Whether an element of a feed is about an image: it says so, or says nothing and has the URL of one. */
function isImage({ medium, type, url = '' }: Readonly<Record<string, string>>): boolean {
  if (medium !== undefined) return medium === 'image';
  if (type !== undefined && type !== '') return /^image\/(?!svg)/i.test(type);
  return URL.canParse(url) && isImageFile(url);
}

/** How much may still be said of the images of a file. */
interface TextsLeft {
  texts: number;
  characters: number;
}

function addText(texts: string[], text: string): void {
  if (texts.length < maxTextsOfImage) texts.push(text);
}

/** Each once, without markup. */
const cleanTexts = (raw: readonly string[]): string[] => [
  ...new Set(raw.map((text) => cleanText(text.replace(/<[^<>]*>/g, ' '))).filter((text) => text !== '')),
];

/** The images of an entry; one of a feed that has no text of its own has those of its entry, or its headline. */
function imagesOf({ images, texts, title }: Entry, left: TextsLeft): SitemapImage[] {
  if (images.length === 0) return [];
  const ofEntry = cleanTexts(texts.length > 0 ? texts : [title]);
  return images.flatMap(({ url, texts: own }) => {
    if (url === null) return [];
    const taken = (own.length > 0 ? cleanTexts(own) : ofEntry).filter((text) => {
      left.texts -= 1;
      left.characters -= text.length;
      return left.texts >= 0 && left.characters >= 0;
    });
    return [{ ...addressOf(url), texts: taken }];
  });
}
