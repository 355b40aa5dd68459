/** Drops images much longer than wide, or wider than long: banners, rules, page-high screenshots. */
import type { Sample } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageAspect = ({ maxRatio = 3 } = {}): Filter<Sample> => ({
  name: 'image/aspect',
  settings: { maxRatio },
  judge: ({ width, height }) => {
    if (width > maxRatio * height) return drop('too-wide');
    return height > maxRatio * width ? drop('too-tall') : keep;
  },
});
