/**
 * Drops images whose path says that they are decoration or unsafe. The words are OBELICS' (logo … sex): as whole words of the
 * path here, as any letters of the URL there (`anywhere`).
 */
import type { Pair } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

const obelics = ['logo', 'button', 'icon', 'plugin', 'widget', 'porn', 'xxx', 'sex'] as const;

/** Printable ASCII without a per cent sign. */
const plain = /^[!-$&-~]*$/;

export const imageUrlWords = ({ words = obelics as readonly string[], anywhere = false } = {}): Filter<Pair> => ({
  name: 'image/url-words',
  settings: { words, anywhere },
  ...(words === obelics && { sources: { words: 'OBELICS' } }),
  judge: ({ imageUrl }) => {
    // Most addresses hold none of the letters: those are not parsed, unless something in them is encoded.
    const lowerCase = imageUrl.toLowerCase();
    if (anywhere) {
      const letters = words.find((word) => imageUrl.includes(word));
      return letters === undefined ? keep : drop(`says-${letters}`);
    }
    if (plain.test(imageUrl) && !words.some((word) => lowerCase.includes(word))) return keep;
    // Between letters only: "iconic" and "Essex" are not meant, "icons", "logo2" and "site_logo" are.
    const parts = decoded(imageUrl)
      .toLowerCase()
      .split(/[^a-z]+/);
    const found = words.find((word) => parts.some((part) => part === word || part === `${word}s`));
    return found === undefined ? keep : drop(`says-${found}`);
  },
});

/** The path and query, percent-decoded where that is valid. */
function decoded(url: string): string {
  const { pathname, search } = new URL(url);
  try {
    return decodeURIComponent(pathname + search);
  } catch {
    return pathname + search;
  }
}
