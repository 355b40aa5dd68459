/** The images by which a page wants to be shown elsewhere: Open Graph (with its arrays), Twitter cards, `image_src`. */
import type { FoundImage } from '../../dataset/ledger/records.ts';
import type { SourcedText, TextSource } from '../../dataset/pair.ts';
import { absoluteUrl } from '../policy/url.ts';
import type { MetaTag } from './head.ts';
import { describingText } from './wordless.ts';

/** Ours: shops list some twenty pictures of a product. */
const maxImages = 50;
/** Titles and descriptions of the page, of Open Graph and of Twitter. */
const maxDescriptions = 4;

const imageKey = /^(?:og:image(?::(?:url|secure_url))?|twitter:image(?::src)?|image)$/;
const altKey = /^(?:og|twitter):image:alt$/;
const descriptionKey = /^(?:og|twitter):(?:title|description)$/;

interface Entry {
  /** `og`, `tw` or `im`, the beginning of its key. */
  readonly vocabulary: string;
  readonly href: string;
  alt: string;
}

/** The images of one page; `tags` in document order. Title and description of the page belong to its first image. */
export function openGraphImages(tags: readonly MetaTag[], base: string): FoundImage[] {
  const entries: Entry[] = [];
  const descriptions: string[] = [];
  for (const { key, content } of tags) {
    if (imageKey.test(key)) {
      if (entries.length < maxImages) entries.push({ vocabulary: key.slice(0, 2), href: content, alt: '' });
    } else if (altKey.test(key)) assignAlt(entries, key.slice(0, 2), content);
    else if (descriptionKey.test(key) && descriptions.length < maxDescriptions) descriptions.push(content);
  }

  const images = new Map<string, SourcedText[]>();
  for (const { href, alt } of entries) {
    const url = href.trim() === '' ? null : absoluteUrl(href.trim(), base);
    if (url === null) continue;
    const isFirst = images.size === 0;
    const texts = images.get(url) ?? [];
    const add = (source: TextSource, raw: string): void => {
      const text = describingText(raw);
      if (text !== '') texts.push({ source, text });
    };
    add('alt', alt);
    if (isFirst) for (const description of descriptions) add('og', description);
    images.set(url, texts);
  }
  return [...images].map(([url, texts]) => ({ url, texts }));
}

/** An alternative text belongs to the image named before it, and to its other names, as `og:image:secure_url`. */
function assignAlt(entries: readonly Entry[], vocabulary: string, alt: string): void {
  for (let i = entries.length - 1; i >= 0 && entries[i]!.alt === ''; i--) {
    const entry = entries[i]!;
    if (entry.vocabulary !== vocabulary) continue;
    entry.alt = alt;
    const previous = entries[i - 1];
    if (previous?.vocabulary !== vocabulary || fileName(previous.href) !== fileName(entry.href)) return;
  }
}

const fileName = (href: string): string => href.slice(href.lastIndexOf('/') + 1);
