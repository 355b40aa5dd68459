/** What lait keeps of a page, as the scores of benches take it. */
import { extractPage } from '../../crawler/page/extract.ts';
import { keyOf } from '../../crawler/policy/url.ts';
import type { KeptPicture } from './score.ts';

/** Every picture that a crawl would take, whatever its score; 1 for one that stands nowhere on the page. */
export function crawledPictures(html: string, url: string): Required<KeptPicture>[] {
  return extractPage(html, url).images.map((image) => ({
    keys: [image.url, keyOf(image.written ?? image.url)],
    texts: image.texts,
    score: image.dominance?.score ?? 1,
  }));
}
