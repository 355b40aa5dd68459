/**
 * Drops images that are not what their page is about: teasers of other pages, and furniture of the site. LAIT discards images that are
 * not dominant (ImageBERT §3). The score is the crawl's: the probability that the picture is of its page's subject. A pair of a list or an
 * import stands on no page and passes.
 */
import type { Pair } from '../../dataset/pair.ts';
import { type Filter, keep } from '../filter.ts';

export const imageDominant = ({ minScore = 0.35 } = {}): Filter<Pair> => ({
  name: 'image/dominant',
  settings: { minScore },
  judge: ({ dominance }) => {
    if (dominance === undefined) return keep;
    const { class: pictureClass, score } = dominance;
    if (score >= minScore) return { keep: true, score };
    return { keep: false, reason: pictureClass === 'subject' ? 'unsure-subject' : pictureClass, score };
  },
});
