/** An image on a page before it is judged: what the survey hands to captions, features and texts. */
import type { Element } from 'domhandler';
import type { Surroundings } from './surroundings.ts';

/** An image element, or a link to an image, and where it stands. */
export interface Candidate {
  readonly url: string;
  readonly element: Element;
  readonly around: Surroundings;
  readonly heading: Element | null;
  /** The paragraphs before and after, up to a heading. */
  readonly before: Element | null;
  after: Element | null;
  /** A caption that stands beside it without a figure around both. */
  caption: Element | null;
}
