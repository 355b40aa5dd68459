/**
 * Which language a text is in, by ELD's n-gram statistics (60 languages, byte n-grams, Apache-2.0). Chosen by
 * measurement: of the detectors that packages ship it calls the fewest foreign captions English and needs no native part.
 * A caption of three words says little by itself, so the language of its page counts as evidence for it, and names of places
 * and persons, which are the same in many languages, are no evidence against it.
 */
import type { TextLanguage } from '../dataset/ledger/verdicts.ts';
import type { Pair } from '../dataset/pair.ts';
import { languageDetector } from './detect-language.ts';

/** The languages that are told apart, as ISO 639-1 codes: ELD's. */
export const languageCodes: readonly string[] = (
  'am ar az be bg bn ca cs da de el en es et eu fa fi fr gu he hi hr hu hy is it ja ka kn ko ku lo lt lv ml mr ms nl no or ' +
  'pa pl pt ro ru sk sl sq sr sv ta te th tl tr uk ur vi yo zh'
).split(' ');

/** The language of what surrounds a text, and what it counts for on ELD's scale of 0 to 1. */
export interface Prior {
  readonly language: string;
  readonly bonus: number;
}

/** Tells languages; see `loadLanguages`. */
export interface Languages {
  /** ISO 639-1 code of the text's likeliest language; '' when no known letters are in it. `prior` adds to one language. */
  readonly of: (text: string, prior?: Prior) => string;
  /** The same with ELD's score of that language, 0 to 1: what an export writes as `LANGUAGE` and `language_score`. */
  readonly scored: (text: string, prior?: Prior) => TextLanguage;
  /** The language of the pair's page, '' when the page has too little text to tell. */
  readonly ofPage: (pair: Pair) => string;
}

/** Below this a page's text is not trusted: a gallery's menu. Ours; a third of a line of prose, some 15 words. */
const minPageChars = 80;

/** Texts of more words have enough that are no names. Ours. */
const maxLeaningWords = 8;
/** What is nothing but names takes its page's language up to this many words ("Sagrada Familia Barcelona"). Ours. */
const maxNameWords = 4;
const latin = /^[\p{Script=Latin}\P{L}]*$/u;

/** Between two names these belong to them: "Rio de Janeiro", "Unter den Linden". */
const particles = new Set(
  'de del della di da do dos du des el la al le les den der dem van von y e ben bin'.split(' '),
);

/** The words of a text that are no names: those in lower case, and a first word before one of them. Null for a long text. */
function withoutNames(text: string): string[] | null {
  const all = text.split(/[^\p{L}\p{M}'’]+/u, maxLeaningWords + 2).filter((word) => word !== '');
  if (all.length > maxLeaningWords || !latin.test(text)) return null;
  const isName = (word: string | undefined) => word === undefined || /^\p{Lu}/u.test(word);
  const isJoint = (at: number) => at > 0 && particles.has(all[at]!) && isName(all[at + 1]) && all.length > at + 1;
  const rest = all.filter(
    (word, at) => (!isName(word) && !isJoint(at)) || (at === 0 && !isName(all[1]) && !isJoint(1)),
  );
  return rest.length > 0 || all.length <= maxNameWords ? rest : null;
}

let loading: Promise<void> | undefined;
let loaded: Languages | undefined;

/** The detector; after `loadLanguages`. */
export function languages(): Languages {
  if (!loaded) throw new Error('The detector of languages is not loaded.');
  return loaded;
}

/** Loads the detector, once a process (1.5 s, 0.5 GB: its n-gram tables). */
export function loadLanguages(): Promise<void> {
  loading ??= import('eld/large').then(({ eld }) => {
    const detect = languageDetector(eld);
    const leans = (text: string, { language, bonus }: Prior): boolean => {
      const rest = withoutNames(text);
      if (rest === null) return false;
      if (rest.length === 0) return true;
      const found = detect(rest.join(' '));
      return found.language !== '' && found.scoreOf(language) + bonus >= found.scoreOf(found.language);
    };
    const scored: Languages['scored'] = (text, prior) => {
      const { language, scoreOf } = detect(text);
      const own = { code: language, score: language === '' ? 0 : scoreOf(language) };
      if (!prior?.language || language === '' || language === prior.language) return own;
      const isPages = scoreOf(prior.language) + prior.bonus >= own.score || leans(text, prior);
      return isPages ? { code: prior.language, score: scoreOf(prior.language) } : own;
    };
    const of: Languages['of'] = (text, prior) => scored(text, prior).code;
    // Pairs of one page come one after another: the last answer is enough of a cache.
    let last = { text: '', title: '', language: '' };
    const ofPage: Languages['ofPage'] = ({ pageText, pageTitle }) => {
      if (pageText !== last.text || pageTitle !== last.title) {
        const text = `${pageTitle}\n${pageText}`;
        last = { text: pageText, title: pageTitle, language: text.length < minPageChars ? '' : of(text) };
      }
      return last.language;
    };
    loaded = { of, scored, ofPage };
  });
  return loading;
}
