/**
 * The only transform: what every text rule reads and what the export writes (LAIT §3 step 3: heuristic rules remove bad
 * spans inside a sentence); the text as it was found stays in the ledger. Takes out control and invisible characters, folds
 * white space, composes accents, crops phrases about the web page and credits, masks persons, and cuts a long text after a
 * sentence. Never throws, never gains a word, never lengthens a text but by a mask, and cleaning twice is cleaning once.
 */
import type { Rule } from '../filter.ts';
import { cropAddresses, cropCredits, cropLabel, cropPhrases, croppedPhrases } from './crop.ts';
import { contactMasks, maskContacts } from './personal.ts';
import { maskPersons, openNames, personMask } from './persons.ts';
import { firstSentences } from './sentences.ts';

export interface Cleaner extends Rule {
  readonly name: 'text/clean';
  readonly clean: (text: string) => string;
}

export interface CleanOptions {
  /** Crop phrases about the page, addresses, credits, and labels such as "Figure 3:". */
  readonly crop?: boolean;
  /** Cut a text with more words or characters than these after a sentence; null leaves it as it is. */
  readonly firstSentences?: { readonly maxWords: number; readonly maxChars: number } | null;
  /** Persons' full names become `<PERSON>`. */
  readonly maskPersons?: boolean;
  /** E-mail addresses, telephone numbers and handles become `<EMAIL>`, `<PHONE>`, `<usr>`. */
  readonly maskContacts?: boolean;
}

/** Lone surrogates, controls, soft hyphens, direction marks, byte order marks, private use, replacement characters. */
const invisible =
  /[\p{Cs}\p{Co}\p{Cn}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufffc\ufffd]/gu;
const space = /[\p{Cc}\p{Z}]+/gu;

/** What is left of a sentence around a cropped phrase: separators at either end, brackets with nothing in them. */
const emptyBrackets = /\(\s*\)|\[\s*\]|\{\s*\}/g;
const masks: readonly string[] = [personMask, ...contactMasks];
const separators = new Set('|·•:;,-–—/\\~_*#<>=+^');
const isSeparator = (char: string): boolean => separators.has(char) || /\s/.test(char);

/** Without separators at either end; a mask is none. Looks at each character once, which a regular expression would not. */
function trimmed(text: string): string {
  let [from, end] = [0, text.length];
  while (from < end && isSeparator(text[from]!) && !masks.some((mask) => text.startsWith(mask, from))) from += 1;
  while (end > from && isSeparator(text[end - 1]!) && !masks.some((mask) => text.endsWith(mask, end))) end -= 1;
  return text.slice(from, end);
}

/** Texts need three. What still changes after as many is made of nothing but what is cropped. */
const maxPasses = 24;

export const textClean = (options: CleanOptions = {}): Cleaner => {
  const settings = { crop: true, firstSentences: null, maskPersons: false, maskContacts: false, ...options };

  const pass = (text: string): string => {
    const composed = text.normalize('NFC');
    let t = (composed.length <= text.length ? composed : text).replace(invisible, '');
    if (settings.crop) {
      t = cropCredits(cropPhrases(cropAddresses(t)));
    }
    t = t.replace(emptyBrackets, '').replace(space, ' ');
    if (settings.crop) t = cropLabel(t);
    if (settings.maskContacts) t = maskContacts(t);
    if (settings.maskPersons) t = maskPersons(t);
    t = trimmed(t);
    return settings.firstSentences ? firstSentences(t, settings.firstSentences) : t;
  };

  return {
    name: 'text/clean',
    version: 4, // labels and stock phrases only where they are labels; names behind an article are no persons
    settings: settings.crop ? { ...settings, croppedPhrases } : settings,
    sources: { croppedPhrases: 'CC3M and ours' },
    load: async () => void (settings.maskPersons && openNames()),
    clean: (text) => {
      // Cropping one phrase may bring another together: until nothing changes.
      let before = text;
      for (let passes = 0; passes < maxPasses; passes += 1) {
        const after = pass(before);
        if (after === before) return after;
        before = after;
      }
      return '';
    },
  };
};
