/**
 * Drops images whose bytes (not whose name) are of a format outside the list: vector drawings, animations, icons. `jpg` as
 * WebDataset writes it stands for `jpeg` too.
 */
import type { Sample } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageFormat = ({ formats = ['jpg', 'png', 'webp'] as readonly string[] } = {}): Filter<Sample> => ({
  name: 'image/format',
  settings: { formats },
  judge: ({ format }) => (formats.includes(format === 'jpeg' ? 'jpg' : format) ? keep : drop(`is-${format}`)),
});
