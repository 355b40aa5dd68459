/** Drops images of fewer bytes than a photograph needs: spacers, plain colours (LAION and COYO: at least 5,000). */
import type { Sample } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageBytes = ({ minBytes = 5000 } = {}): Filter<Sample> => ({
  name: 'image/bytes',
  settings: { minBytes },
  judge: ({ byteLength }) => (byteLength >= minBytes ? keep : drop('too-few-bytes')),
});
