/**
 * Drops pairs of pages in other languages, told from the beginning of the page's text (LAIT §3 step 1: non-English pages
 * are discarded). A page with too little text passes: there the text of each pair decides.
 */
import { drop, type Filter, keep } from '../filter.ts';
import { languages as detector, loadLanguages } from '../language.ts';

export const pageLanguage = ({ languages = ['en'] as readonly string[] } = {}): Filter => ({
  name: 'page/language',
  settings: { languages },
  load: loadLanguages,
  judge: (pair) => {
    const language = detector().ofPage(pair);
    return language === '' || languages.includes(language) ? keep : drop(`is-${language}`);
  },
});
