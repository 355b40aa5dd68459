/**
 * Drops pornographic and racy pictures by a model's probability of being unsafe: LAIT's three outcomes normal,
 * pornographic, racy (§3 step 2). Above 0.5 COYO and LAION drop; above 0.8 the reason says pornographic (Open NSFW's own
 * advice: below 0.2 safe, above 0.8 unsafe).
 */

import type { ImageScorer } from '../../dataset/scorer.ts';
import { drop, keep, type ScoredFilter } from '../filter.ts';

export const imageUnsafe = (
  scorer: ImageScorer,
  { maxUnsafe = 0.5 as number | null, minPornographic = 0.8 } = {},
): ScoredFilter => ({
  name: 'image/unsafe',
  settings: { model: scorer.model, maxUnsafe, minPornographic },
  sources: { minPornographic: 'Open NSFW' },
  scoreName: `image/unsafe@${scorer.model}`,
  subject: 'image',
  score: (samples) => scorer.score(samples.map(({ bytes }) => bytes)),
  judge: (probability) => {
    if (maxUnsafe === null || probability <= maxUnsafe) return keep;
    return drop(probability >= minPornographic ? 'pornographic' : 'racy');
  },
});
