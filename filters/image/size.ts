/** Drops images with a side of 300 px or less. LAIT's only published threshold (ImageBERT §3). */
import type { Sample } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageSize = ({ minSidePx = 301 } = {}): Filter<Sample> => ({
  name: 'image/size',
  settings: { minSidePx },
  judge: ({ width, height }) => (Math.min(width, height) >= minSidePx ? keep : drop('too-small')),
});
