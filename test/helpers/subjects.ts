/** The images of a page that `image/dominant` keeps with its default threshold. */
import { minSubjectScore } from '../../crawler/page/dominant.ts';
import type { Page, PageImage } from '../../crawler/page/extract.ts';

export const subjectsOf = ({ images }: Page): PageImage[] =>
  images.filter(({ dominance }) => dominance === undefined || dominance.score >= minSubjectScore);
