/** What a careful reader said of every picture of the saved pages by rules.md: `labels.jsonl`, one page a line. */
import { readFileSync } from 'node:fs';
import type { SavedPage } from './pages.ts';

/** A picture of the page's subject, one that stands for another page, or furniture of the site. */
export type PictureClass = 'subject' | 'teaser' | 'furniture';

/**
 * A picture by its selector in the tree of the HTML standard, and the texts about it: attributes of its own (`alt`, `title`,
 * `aria`, `linktitle`, `datacaption`), selectors of elements, `meta:NAME` and `json-ld:` with the text's first bytes of sha256.
 */
export type LabelledPicture = readonly [selector: string, texts: readonly string[]];

export interface LabelledPage extends SavedPage {
  readonly kind: string;
  /** Pages that may be looked at; pages that are only counted; and pages of thin kinds, labelled later for the weights to learn from. */
  readonly half: 'seen' | 'counted' | 'taught';
  readonly subject: readonly LabelledPicture[];
  readonly teaser: readonly LabelledPicture[];
  readonly furniture: readonly string[];
}

/** The labels of all pages, or those of the second reader, `second-reader.jsonl`. */
export function readLabels(file = 'labels.jsonl'): LabelledPage[] {
  return readFileSync(new URL(file, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LabelledPage);
}
