/** What sitemaps say about the images of a page, joined with what the page itself shows. */
import type { FoundImage } from '../../dataset/ledger/records.ts';
import type { SourcedText } from '../../dataset/pair.ts';
import type { SitemapTexts } from '../page/sitemap.ts';

/** The page's images with the texts of sitemaps; an image that only a sitemap names comes last. Images without a new text stay as they are. */
export function withSitemapTexts(images: readonly FoundImage[], texts: readonly SitemapTexts[]): readonly FoundImage[] {
  if (texts.length === 0) return images;
  const byUrl = new Map(images.map((image) => [image.url, new Map(image.texts.map((one) => [one.text, one]))]));
  for (const { imageUrl, text } of texts) {
    const known = byUrl.get(imageUrl) ?? new Map<string, SourcedText>();
    if (!known.has(text)) known.set(text, { source: 'sitemap', text });
    byUrl.set(imageUrl, known);
  }
  const dominances = new Map(images.map(({ url, dominance }) => [url, dominance]));
  return [...byUrl].map(([url, merged]) => {
    const dominance = dominances.get(url);
    return { url, texts: [...merged.values()], ...(dominance ? { dominance } : {}) };
  });
}
