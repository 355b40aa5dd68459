/**
 * Which language a text is in, by ELD's n-gram statistics (60 languages, byte n-grams, Apache-2.0). Chosen by
 * measurement: of the detectors that packages ship it calls the fewest foreign captions English and needs no native part.
 * A caption of three words says little by itself, so the language of its page counts as evidence for it.
 */
import type { Pair } from '../dataset/pair.ts';
import { languageDetector } from './detect-language.ts';

/** Tells languages; see `openLanguages`. */
export interface Languages {
  /** ISO 639-1 code of the text's likeliest language; '' when no known letters are in it. `prior` adds to one language. */
  readonly of: (text: string, prior?: { readonly language: string; readonly bonus: number }) => string;
  /** The language of the pair's page, '' when the page has too little text to tell. */
  readonly ofPage: (pair: Pair) => string;
}

/** Below this a page's text is not trusted: a gallery's menu. Ours; a third of a line of prose, some 15 words. */
const minPageChars = 80;

let opened: Promise<Languages> | undefined;

/** The detector, loaded once a process when first asked for (1.5 s, 0.5 GB: its n-gram tables). */
export function openLanguages(): Promise<Languages> {
  opened ??= import('eld/large').then(({ eld }) => {
    const detect = languageDetector(eld);
    const of: Languages['of'] = (text, prior) => {
      const { language, scoreOf } = detect(text);
      if (!prior?.language || language === '' || language === prior.language) return language;
      return scoreOf(prior.language) + prior.bonus >= scoreOf(language) ? prior.language : language;
    };
    // Pairs of one page come one after another: the last answer is enough of a cache.
    let last = { text: '', title: '', language: '' };
    const ofPage: Languages['ofPage'] = ({ pageText, pageTitle }) => {
      if (pageText !== last.text || pageTitle !== last.title) {
        const text = `${pageTitle}\n${pageText}`;
        last = { text: pageText, title: pageTitle, language: text.length < minPageChars ? '' : of(text) };
      }
      return last.language;
    };
    return { of, ofPage };
  });
  return opened;
}
