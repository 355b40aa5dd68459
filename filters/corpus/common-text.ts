/**
 * Drops all pairs of a text that is found with too many different images: it describes none of them (LAIT §3 step 5, no
 * number; COYO and ALIGN: more than 10). Texts that differ in nothing but case, white space, punctuation and counters are one
 * (ours: "Photo 1 of 12" is what a site writes for every picture), unless `alike` is false.
 */

import type { Drop } from '../../dataset/ledger/corpus-drops.ts';
import { eachSurvivorText } from '../../dataset/ledger/survivors.ts';
import type { CorpusFilter } from '../filter.ts';
import { alikeText, foldedText } from './same-text.ts';

export const commonText = ({ maxImages = 10, alike = true } = {}): CorpusFilter => ({
  name: 'corpus/common-text',
  version: 3, // counts what is on the web still
  settings: { maxImages, alike },
  async drops(ledger, signal) {
    const key = alike ? alikeText : foldedText;
    const images = new Map<string, Set<string> | null>(); // by text; null: too many
    const count = ({ text, sha256 }: { readonly text: string; readonly sha256: string }): void => {
      const same = key(text);
      const seen = images.get(same);
      if (seen === null) return;
      if (seen === undefined) images.set(same, new Set([sha256]));
      else if (seen.add(sha256).size > maxImages) images.set(same, null);
    };
    await eachSurvivorText(ledger, count, signal);
    const drops: Drop[] = [];
    const judge = ({ id, text }: { readonly id: string; readonly text: string }): void => {
      if (images.get(key(text)) === null) drops.push({ id, reason: 'too-many-images' });
    };
    await eachSurvivorText(ledger, judge, signal);
    return drops;
  },
});
