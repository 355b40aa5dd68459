/**
 * The only transform: what every text rule reads and what the export writes (LAIT §3 step 3: heuristic rules remove bad
 * spans inside a sentence). Takes out control and invisible characters, folds white space, composes accents, and crops
 * phrases that describe the web page and not the picture. Never lengthens a text, never throws, and cleaning twice is
 * cleaning once.
 */
import type { Settings } from '../filter.ts';

export interface Cleaner {
  readonly name: 'text/clean';
  readonly settings: Settings;
  readonly clean: (text: string) => string;
}

/** CC3M crops the first two; the others are the same phrase as galleries and stock sites word it. Whole words, any case. */
const croppedPhrases = [
  'click to enlarge picture',
  'stock photo',
  'click (?:here )?to (?:enlarge|zoom|view larger|expand)(?: (?:the )?(?:image|picture|photo))?',
  '(?:royalty[- ]free )?stock (?:photos?|images?|photography|illustrations?|vectors?)',
  'royalty[- ]free (?:photos?|images?)',
  'opens? in (?:a )?new (?:tab|window)',
  '(?:image|photo|picture) may be subject to copyright',
];
const phrases = new RegExp(`(?<![\\p{L}\\p{N}])(?:${croppedPhrases.join('|')})(?![\\p{L}\\p{N}])`, 'giu');
/** Lone surrogates, controls, soft hyphens, direction marks, byte order marks, private use, replacement characters. */
const invisible =
  /[\p{Cs}\p{Co}\p{Cn}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufffc\ufffd]/gu;
const space = /[\p{Cc}\p{Z}]+/gu;
const address = /(?:https?:\/\/|www\.)\S+/gi;
/** What is left of a sentence around a cropped phrase: separators at either end, brackets with nothing in them. */
const emptyBrackets = /\(\s*\)|\[\s*\]|\{\s*\}/g;
const edges = /^[\s|·•:;,\-–—/\\~_*#<>=+^]+|[\s|·•:;,\-–—/\\~_*#<>=+^]+$/gu;

export const textClean = (): Cleaner => ({
  name: 'text/clean',
  settings: { croppedPhrases },
  clean: (text) => {
    // Cropping one phrase may bring another together: until nothing changes. A pass that changes anything but spelling
    // shortens, so this ends.
    for (let before = text; ; ) {
      const after = pass(before);
      if (after === before) return after;
      before = after;
    }
  },
});

function pass(text: string): string {
  const composed = text.normalize('NFC');
  return (composed.length <= text.length ? composed : text)
    .replace(invisible, '')
    .replace(address, '')
    .replace(phrases, '')
    .replace(emptyBrackets, '')
    .replace(space, ' ')
    .replace(edges, '');
}
