/** Drops texts that are a file's name: a file extension at the end, a camera's numbering, words joined by underscores. */
import { isCameraName } from '../../dataset/camera-names.ts';
import { drop, type Filter, keep } from '../filter.ts';

const extension = /\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic|eps|psd|ai|raw|pdf)$/i;

/** Hyphens with something on either side of each. As an expression, `-` and what it joins overlap: exponential. */
function joints(word: string): number {
  let count = 0;
  for (let at = word.indexOf('-', 1); at >= 0 && at < word.length - 1; at = word.indexOf('-', at + 2)) count += 1;
  return count;
}

export const textFileName = (): Filter => ({
  name: 'text/file-name',
  version: 2, // the names of cameras are the crawler's too
  settings: {},
  judge: ({ text }) => {
    if (extension.test(text)) return drop('file-extension');
    if (isCameraName(text)) return drop('camera-number');
    return !/\s/.test(text) && (text.includes('_') || joints(text) >= 3) ? drop('joined-words') : keep;
  },
});
