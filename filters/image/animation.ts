/** Drops moving images, also those in a format that is kept: animated WebP and PNG. */
import type { StoredSample } from '../../dataset/ledger/stored-sample.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageAnimation = (): Filter<StoredSample> => ({
  name: 'image/animation',
  settings: {},
  judge: ({ frames }) => (frames > 1 ? drop('animated') : keep),
});
