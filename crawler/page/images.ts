import type { FoundImage } from '../../dataset/ledger/records.ts';
import type { SourcedText } from '../../dataset/pair.ts';
import type { Reason } from '../policy/reasons.ts';
import { normaliseUrl } from '../policy/url.ts';
import { textOf } from './clean-text.ts';
import { judgeImage } from './dominant.ts';
import { featuresOf } from './image-features.ts';
import { openImageTexts } from './image-texts.ts';
import { imageLink } from './image-urls.ts';
import { jsonLdImages } from './json-ld.ts';
import type { PageScan } from './scan.ts';

/** An image that is furniture, and why. */
export interface RefusedImage {
  readonly url: string;
  readonly reason: Reason;
}

export interface PageImages {
  /** The content images, each with at least one text. */
  readonly images: readonly FoundImage[];
  readonly refused: readonly RefusedImage[];
  /** Content images that nothing on the page describes. */
  readonly textless: number;
}

/** Ours: a page may show one image in many places, but not so often that more texts would say more. */
const mostTexts = 50;

interface Seen {
  texts: SourcedText[];
  content: boolean;
  readonly reason: Reason | null;
}

export function pageImages(page: PageScan, pageUrl: string): PageImages {
  const { base } = page;
  const found = new Map<string, Seen>();
  const merge = (url: string, texts: readonly SourcedText[], content: boolean, reason: Reason | null): void => {
    const known = found.get(url);
    if (!known) {
      found.set(url, { texts: [...texts], content, reason });
      return;
    }
    // Seen twice: a content place shows that it is content, and only texts from content places count.
    if (content && !known.content) known.texts = [];
    if ((content || !known.content) && known.texts.length < mostTexts) known.texts.push(...texts);
    known.content ||= content;
  };

  const shared = page.shared.images(base);
  const structured = jsonLdImages(page.jsonLd, base);
  const chosen = new Set([...shared.keys(), ...structured.map(({ url }) => url)]);
  const texts = openImageTexts(page.ids);
  for (const candidate of page.candidates) {
    const { element, around } = candidate;
    const link = around.link?.attribs;
    // A link to a place on the page is a script's: it opens or turns something.
    const target = link?.href === undefined || link.href.startsWith('#') ? null : normaliseUrl(link.href, base);
    const full = imageLink(target, candidate.url, element.attribs, link);
    const url = full ?? candidate.url;
    const features = featuresOf(candidate, {
      target,
      pageUrl,
      hasCaption: texts.caption(candidate) !== '',
      isShared: chosen.has(candidate.url) || chosen.has(url),
    });
    const { content, reason } = judgeImage(features);
    merge(url, content ? texts.all(candidate) : [], content, reason);
  }
  for (const { url, element, around } of page.linkedImages) {
    // A link around an image was handled with that image.
    if (around.region !== null || found.has(url) || page.imageLinks.has(element)) continue;
    const text = textOf(element);
    merge(url, text === '' ? [] : [{ source: 'nearby', text }], true, null);
  }
  // What the page says of itself elsewhere does not make furniture content, and a logo stays one.
  for (const { url, texts: said } of [...structured, ...[...shared].map(([url, said]) => ({ url, texts: said }))]) {
    const known = found.get(url);
    if (known) {
      if (known.content) merge(url, said, true, null);
      continue;
    }
    const { content, reason } = judgeImage({ ...unplaced, url });
    merge(url, content ? said : [], content, reason);
  }

  const images: FoundImage[] = [];
  const refused: RefusedImage[] = [];
  let textless = 0;
  for (const [url, { texts: all, content, reason }] of found) {
    if (!content) refused.push({ url, reason: reason ?? 'decoration-no-sign-of-content' });
    else {
      const unique = uniqueTexts(all);
      if (unique.length === 0) textless += 1;
      else images.push({ url, texts: unique });
    }
  }
  return { images, refused, textless };
}

/** An image that stands nowhere on the page. */
const unplaced = {
  region: null,
  inMain: false,
  inFigure: false,
  hasCaption: false,
  width: null,
  height: null,
  classes: '',
  alt: null,
  link: 'none',
  presentational: false,
  isShared: true,
} as const;

function uniqueTexts(texts: readonly SourcedText[]): SourcedText[] {
  const seen = new Set<string>();
  return texts.filter(({ text }) => !seen.has(text) && seen.add(text));
}
