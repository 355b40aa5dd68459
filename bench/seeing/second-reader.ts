/** The pages that a second reader labelled without seeing the labels of the first: 60 of the half that may be looked at, drawn by a hash. */
import { createHash } from 'node:crypto';
import type { LabelledPage } from './labels.ts';

const seed = 'second reader 1';

/** How many pages were drawn. */
export const drawnPages = 60;

/** The drawn pages, in the order of the draw. Depends on the pages' hashes only, not on what is said of them. */
export function drawPages<Page extends Pick<LabelledPage, 'half' | 'sha256'>>(pages: readonly Page[]): Page[] {
  const key = ({ sha256 }: Page): string => createHash('sha256').update(`${seed}:${sha256}`).digest('hex');
  return pages
    .filter(({ half }) => half === 'seen')
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))
    .slice(0, drawnPages);
}
