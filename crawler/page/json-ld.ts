/**
 * Images described in a page's JSON-LD (schema.org): ImageObjects with caption and description, and the `image` of whatever
 * the page is about. Logos, authors and publishers are not what a page is about.
 */
import type { FoundImage } from '../../dataset/ledger/records.ts';
import { absoluteUrl } from '../policy/url.ts';
import { readLenientJson } from './lenient-json.ts';
import { describingText } from './wordless.ts';

type Node = Readonly<Record<string, unknown>>;

const maxNodes = 10_000;
const maxItems = 1000;
const maxUrls = 50;

/** Properties that lead to the site and to people, not to the subject of the page. */
const unrelatedProperties = new Set(
  'logo author publisher creator editor contributor provider sponsor brand copyrightHolder sourceOrganization review reviews comment isPartOf breadcrumb itemListElement potentialAction thumbnail'.split(
    ' ',
  ),
);
const siteOrPersonType =
  /^(?:Person|Organization|NewsMediaOrganization|Corporation|WebSite|BreadcrumbList|Brand|LocalBusiness|\w+Organization)$/;

/** The images of one page; what is not JSON in blocks is skipped. An image that is only named has no texts. */
export function jsonLdImages(blocks: readonly string[], base: string): FoundImage[] {
  const images: FoundImage[] = [];
  let visited = 0;
  for (const block of blocks) {
    const stack = readLenientJson(block)
      .reverse()
      .map((value) => ({ value, isSubject: true }));
    while (stack.length > 0 && visited < maxNodes) {
      const { value, isSubject } = stack.pop()!;
      visited += 1;
      if (typeof value !== 'object' || value === null) continue;
      if (Array.isArray(value)) {
        for (const item of value.slice(0, maxItems).reverse()) stack.push({ value: item, isSubject });
        continue;
      }
      const node = value as Node;
      const types = [node['@type']].flat();
      if (types.includes('ImageObject')) {
        const image = imageObject(node, base);
        if (image) images.push(image);
        continue;
      }
      // A person may be the subject (a biography), but in a graph it is the author.
      if (!isSubject && types.some((type) => typeof type === 'string' && siteOrPersonType.test(type))) continue;
      const keys = Object.keys(node).slice(0, maxItems);
      for (const key of keys.reverse()) {
        if (unrelatedProperties.has(key)) continue;
        const inner = node[key];
        if (key === 'image' || key === 'primaryImageOfPage') images.push(...bareImages(inner, base));
        stack.push({ value: inner, isSubject: isSubject && key !== '@graph' });
      }
    }
  }
  return images;
}

/** Images given as URLs only. */
const bareImages = (value: unknown, base: string): FoundImage[] =>
  [value]
    .flat()
    .slice(0, maxUrls)
    .filter((href) => typeof href === 'string')
    .map((href) => absoluteUrl(href, base))
    .filter((url) => url !== null)
    .map((url) => ({ url, texts: [] }));

function imageObject(node: Node, base: string): FoundImage | null {
  if (/(?:^|[#/])logo/i.test(typeof node['@id'] === 'string' ? node['@id'] : '')) return null;
  const href = [node.contentUrl, node.url].find((value) => typeof value === 'string');
  const url = typeof href === 'string' ? absoluteUrl(href, base) : null;
  if (url === null) return null;
  const texts = [node.caption, node.description, node.name]
    .filter((text) => typeof text === 'string')
    .map((text) => ({ source: 'json-ld' as const, text: describingText(text) }))
    .filter(({ text }) => text !== '');
  return { url, texts };
}
