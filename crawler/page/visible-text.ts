/** The beginning of a page's visible text, for the language filter: without furniture when there is other text. */
import { cleanText } from './clean-text.ts';

const longestPageText = 2000;

/** Shorter main text is a heading at most. */
const enoughMainText = 40;

export interface PageText {
  readonly add: (data: string, length: number, isFurniture: boolean) => void;
  readonly space: () => void;
  /** Visible characters outside furniture. */
  readonly mainLength: () => number;
  readonly text: () => string;
}

export function openPageText(): PageText {
  let main = '';
  let other = '';
  let mainLength = 0;
  return {
    add: (data, length, isFurniture) => {
      if (isFurniture) {
        if (other.length < longestPageText) other += data;
        return;
      }
      mainLength += length;
      if (main.length < longestPageText) main += data;
    },
    space: () => {
      if (main.length < longestPageText) main += ' ';
      if (other.length < longestPageText) other += ' ';
    },
    mainLength: () => mainLength,
    text: () => cleanText(mainLength >= enoughMainText ? main : `${main} ${other}`),
  };
}
