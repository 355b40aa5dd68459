/**
 * Drops texts in other languages, also on pages of a wanted one. `pageBonus` is what the page's language counts for, on
 * ELD's scale of 0 to 1: 0.05 raises the share of three-word English captions called English from 96.4 % to 99.6 %, and
 * the share of German, French and Czech ones from 0.0 % to 0.2 % (ours, on 1,000 Multi30k captions a language).
 */
import { expected } from '../../dataset/user-error.ts';
import { drop, type Filter, keep } from '../filter.ts';
import { languages as detector, languageCodes, loadLanguages } from '../language.ts';

/** Throws a UserError for a language that no text is ever found to be in. */
export const textLanguage = ({ languages = ['en'] as readonly string[], pageBonus = 0.05 } = {}): Filter => {
  const unknown = languages.find((code) => !languageCodes.includes(code));
  if (unknown !== undefined) {
    throw expected('a language that is told apart', 'languages', unknown, `choose among ${languageCodes.join(', ')}`);
  }
  return {
    name: 'text/language',
    version: 3, // names are no evidence against the page's language; the language is recorded
    settings: { languages, pageBonus },
    sources: { pageBonus: 'ours' },
    load: loadLanguages,
    judge: (pair) => {
      const { scored, ofPage } = detector();
      const language = scored(pair.text, { language: ofPage(pair), bonus: pageBonus });
      if (language.code === '') return drop('no-language');
      return { ...(languages.includes(language.code) ? keep : drop(`is-${language.code}`)), language };
    },
  };
};
