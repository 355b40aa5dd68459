/**
 * Drops pairs of pages in other languages, told from the beginning of the page's text (LAIT §3 step 1: non-English pages
 * are discarded). A page with too little text passes: there the text of each pair decides.
 */
import { drop, type Filter, keep } from '../filter.ts';
import { openLanguages } from '../language.ts';

export const pageLanguage = ({ languages = ['en'] as readonly string[] } = {}): Filter => ({
  name: 'page/language',
  settings: { languages },
  judge: async (pair) => {
    const language = (await openLanguages()).ofPage(pair);
    return language === '' || languages.includes(language) ? keep : drop(`is-${language}`);
  },
});
