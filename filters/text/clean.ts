/**
 * The only transform: what every text rule reads and what the export writes (LAIT §3 step 3: heuristic rules remove bad
 * spans inside a sentence); the text as it was found stays in the ledger. Takes out control and invisible characters, folds
 * white space, composes accents, crops phrases about the web page and credits, masks persons, and cuts a long text after a
 * sentence. Never throws, never gains a word, never lengthens a text but by a mask, and cleaning twice is cleaning once.
 */
import type { Rule } from '../filter.ts';
import { contactMasks, maskContacts } from './personal.ts';
import { maskPersons, personMask } from './persons.ts';
import { firstSentences } from './sentences.ts';

export interface Cleaner extends Rule {
  readonly name: 'text/clean';
  readonly clean: (text: string) => string;
}

export interface CleanOptions {
  /** Crop phrases about the page, addresses, credits, and numbers of figures. */
  readonly crop?: boolean;
  /** Cut a text with more words or characters than these after a sentence; null leaves it as it is. */
  readonly firstSentences?: { readonly maxWords: number; readonly maxChars: number } | null;
  /** Persons' full names become `<PERSON>`. */
  readonly maskPersons?: boolean;
  /** E-mail addresses, telephone numbers and handles become `<EMAIL>`, `<PHONE>`, `<usr>`. */
  readonly maskContacts?: boolean;
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

/**
 * Who made a picture is not to be seen in it. In brackets, as textbooks and newspapers print it in English, Spanish, French
 * and German, or after the last sentence. Ours: all 326 captions of an OpenStax textbook end so.
 */
const inBrackets =
  /\((?:(?:(?:photo|image|picture) )?(?:credits?|attributions?|source)|photo(?:graph)?|créditos?|atribución|crédits?|foto|bildnachweis|quelle)(?:[:,]| a: )(?:[^()]|\((?:[^()]|\([^()]{0,300}\)){0,300}\)){0,3000}\)|\((?:(?:photo(?:graph)?|image|picture) (?:by|courtesy of)|courtesy of) [^()]{1,200}\)/giu;
const atTheEnd =
  /(?<=[.!?…”"»)|–—] ?)(?:(?:photo(?:graph)?s?|images?|pictures?|illustrations?)(?: credits?:?| courtesy of| by|:) |(?:credits?|source): |courtesy of |(?:copyright )?© )(?:[^.|]|(?<=\b\p{L})\.){1,80}\.?$/iu;
/** "Figure 12.31.", "6.11.3.": where a book numbers its figures and sections. Ours, from Debian's and GIMP's manuals. */
const numbering =
  /^(?:(?:fig(?:ure|ura|\.)?|abb(?:ildung|\.)?|table|tabla|tabelle) \d{1,3}(?:[.–-]\d{1,3}){0,4}[.:]?|\d{1,3}(?:\.\d{1,3}){0,4}[.:]) (?=\S)/iu;
/** Lone surrogates, controls, soft hyphens, direction marks, byte order marks, private use, replacement characters. */
const invisible =
  /[\p{Cs}\p{Co}\p{Cn}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufffc\ufffd]/gu;
const space = /[\p{Cc}\p{Z}]+/gu;
const address = /(?:https?:\/\/|www\.)\S+/gi;

/** What is left of a sentence around a cropped phrase: separators at either end, brackets with nothing in them. */
const emptyBrackets = /\(\s*\)|\[\s*\]|\{\s*\}/g;
const masks = [personMask, ...contactMasks].join('|');
const separator = '[\\s|·•:;,\\-–—/\\\\~_*#<>=+^]';
const edges = new RegExp(`^(?:(?!${masks})${separator})+|(?:${separator}(?<!${masks}))+$`, 'gu');

export const textClean = (options: CleanOptions = {}): Cleaner => {
  const settings = { crop: true, firstSentences: null, maskPersons: false, maskContacts: false, ...options };

  const pass = (text: string): string => {
    const composed = text.normalize('NFC');
    let t = (composed.length <= text.length ? composed : text).replace(invisible, '');
    if (settings.crop) {
      t = t.replace(address, '').replace(phrases, '').replace(inBrackets, '').replace(atTheEnd, '');
    }
    t = t.replace(emptyBrackets, '').replace(space, ' ');
    if (settings.crop) t = t.replace(numbering, '');
    if (settings.maskContacts) t = maskContacts(t);
    if (settings.maskPersons) t = maskPersons(t);
    t = t.replace(edges, '');
    return settings.firstSentences ? firstSentences(t, settings.firstSentences) : t;
  };

  return {
    name: 'text/clean',
    version: 2, // numbers of figures and sections are cropped
    settings: settings.crop ? { ...settings, croppedPhrases } : settings,
    sources: { croppedPhrases: 'CC3M and ours' },
    clean: (text) => {
      // Cropping one phrase may bring another together: until nothing changes. A pass that changes anything but spelling
      // shortens or masks, so this ends.
      for (let before = text; ; ) {
        const after = pass(before);
        if (after === before) return after;
        before = after;
      }
    },
  };
};
