/** Drops images of fewer bytes than a photograph needs: spacers, plain colours (LAION and COYO: at least 5,000). */
import type { StoredSample } from '../../dataset/ledger/stored-sample.ts';
import { drop, type Filter, keep } from '../filter.ts';

export const imageBytes = ({ minBytes = 5000 } = {}): Filter<StoredSample> => ({
  name: 'image/bytes',
  settings: { minBytes },
  judge: ({ byteLength, resized }) =>
    (resized?.originalByteLength ?? byteLength) >= minBytes ? keep : drop('too-few-bytes'),
});
