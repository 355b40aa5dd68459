/**
 * Drops images with a side of 300 px or less, LAIT's only published threshold (ImageBERT §3), or with one of more than
 * `maxSidePx` (OBELICS).
 */
import type { Sample } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageSize = ({ minSidePx = 301, maxSidePx = null as number | null } = {}): Filter<Sample> => ({
  name: 'image/size',
  settings: { minSidePx, maxSidePx },
  judge: ({ width, height }) => {
    if (Math.min(width, height) < minSidePx) return drop('too-small');
    return maxSidePx !== null && Math.max(width, height) > maxSidePx ? drop('too-large') : keep;
  },
});
