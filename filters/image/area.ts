/** Drops images with more pixels than a decoder should be asked for (LAION: 89,478,484, where Pillow warns of bombs). */
import type { Sample } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageArea = ({ maxPx = 89_478_484 } = {}): Filter<Sample> => ({
  name: 'image/area',
  settings: { maxPx },
  judge: ({ width, height }) => (width * height <= maxPx ? keep : drop('too-large')),
});
