/** Images described in a page's JSON-LD (schema.org ImageObject): their address, caption and description. */
import type { SourcedText } from '../dataset/pair.ts';
import { cleanText } from './texts.ts';
import { normaliseUrl } from './url.ts';

export interface DescribedImage {
  readonly url: string;
  readonly texts: readonly SourcedText[];
}

/** Reads the blocks of one page; a block that is no JSON is skipped, at most 10,000 nodes are looked at. */
export function jsonLdImages(blocks: readonly string[], base: string): DescribedImage[] {
  const images: DescribedImage[] = [];
  let visited = 0;
  for (const block of blocks) {
    const stack: unknown[] = [parse(block)];
    while (stack.length > 0 && visited < 10_000) {
      const node = stack.pop();
      visited += 1;
      if (typeof node !== 'object' || node === null) continue;
      if (!Array.isArray(node)) {
        const image = imageObject(node as Readonly<Record<string, unknown>>, base);
        if (image) images.push(image);
      }
      stack.push(...Object.values(node).slice(0, 1000));
    }
  }
  return images;
}

function imageObject(node: Readonly<Record<string, unknown>>, base: string): DescribedImage | null {
  if (![node['@type']].flat().includes('ImageObject')) return null;
  const address = [node.contentUrl, node.url].find((value) => typeof value === 'string');
  const url = typeof address === 'string' ? normaliseUrl(address, base) : null;
  if (url === null) return null;
  const texts = [node.caption, node.description, node.name]
    .filter((text) => typeof text === 'string')
    .map((text) => ({ source: 'json-ld' as const, text: cleanText(text) }))
    .filter(({ text }) => text !== '');
  return texts.length > 0 ? { url, texts } : null;
}

function parse(block: string): unknown {
  try {
    return JSON.parse(block);
  } catch {
    return null;
  }
}
