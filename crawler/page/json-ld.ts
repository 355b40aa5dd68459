/**
 * Images described in a page's JSON-LD (schema.org): ImageObjects with caption and description, and the `image` of whatever
 * the page is about. Logos, authors and publishers are not what a page is about.
 */
import type { SourcedText } from '../../dataset/pair.ts';
import { normaliseUrl } from '../policy/url.ts';
import { cleanText } from './clean-text.ts';

export interface DescribedImage {
  readonly url: string;
  /** Empty for an address without a word. */
  readonly texts: readonly SourcedText[];
}

type Node = Readonly<Record<string, unknown>>;

const mostNodes = 10_000;

/** Properties that lead to the site and to people, not to the page's subject. */
const aside = new Set(
  'logo author publisher creator editor contributor provider sponsor brand copyrightHolder sourceOrganization review reviews comment isPartOf breadcrumb itemListElement potentialAction thumbnail'.split(
    ' ',
  ),
);
const someone =
  /^(?:Person|Organization|NewsMediaOrganization|Corporation|WebSite|BreadcrumbList|Brand|LocalBusiness|\w+Organization)$/;

/** Reads the blocks of one page; a block that is no JSON is skipped, at most 10,000 nodes are looked at. */
export function jsonLdImages(blocks: readonly string[], base: string): DescribedImage[] {
  const images: DescribedImage[] = [];
  let visited = 0;
  for (const block of blocks) {
    const stack: { readonly value: unknown; readonly isSubject: boolean }[] = [
      { value: parse(block), isSubject: true },
    ];
    while (stack.length > 0 && visited < mostNodes) {
      const { value, isSubject } = stack.pop()!;
      visited += 1;
      if (typeof value !== 'object' || value === null) continue;
      if (Array.isArray(value)) {
        for (const item of value.slice(0, 1000).reverse()) stack.push({ value: item, isSubject });
        continue;
      }
      const node = value as Node;
      const types = [node['@type']].flat();
      if (types.includes('ImageObject')) {
        const image = imageObject(node, base);
        if (image) images.push(image);
        continue;
      }
      // Someone may be the subject (a biography) but in a graph it is the site or the author.
      if (!isSubject && types.some((type) => typeof type === 'string' && someone.test(type))) continue;
      const keys = Object.keys(node).slice(0, 1000);
      for (const key of keys.reverse()) {
        if (aside.has(key)) continue;
        const inner = node[key];
        if (key === 'image' || key === 'primaryImageOfPage') images.push(...addresses(inner, base));
        stack.push({ value: inner, isSubject: isSubject && key !== '@graph' });
      }
    }
  }
  return images;
}

/** Addresses given as plain text. */
const addresses = (value: unknown, base: string): DescribedImage[] =>
  [value]
    .flat()
    .slice(0, 50)
    .filter((address) => typeof address === 'string')
    .map((address) => normaliseUrl(address, base))
    .filter((url) => url !== null)
    .map((url) => ({ url, texts: [] }));

function imageObject(node: Node, base: string): DescribedImage | null {
  if (/(?:^|[#/])logo/i.test(typeof node['@id'] === 'string' ? node['@id'] : '')) return null;
  const address = [node.contentUrl, node.url].find((value) => typeof value === 'string');
  const url = typeof address === 'string' ? normaliseUrl(address, base) : null;
  if (url === null) return null;
  const texts = [node.caption, node.description, node.name]
    .filter((text) => typeof text === 'string')
    .map((text) => ({ source: 'json-ld' as const, text: cleanText(text) }))
    .filter(({ text }) => text !== '');
  return { url, texts };
}

function parse(block: string): unknown {
  try {
    return JSON.parse(block);
  } catch {
    return null;
  }
}
