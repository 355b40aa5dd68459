/**
 * Drops all pairs of a text that stands on too many different images: it describes none of them (LAIT §3 step 5, no
 * number; COYO and ALIGN: more than 10). Letters compare without case.
 */
import type { CorpusFilter } from '../filter.ts';

export const commonText = ({ maxImages = 10 } = {}): CorpusFilter => ({
  name: 'corpus/common-text',
  settings: { maxImages },
  *drops(ledger) {
    const images = new Map<string, Set<string> | null>(); // by text; null: too many
    const rows = () => ledger.db.prepare('SELECT id, lower(text) AS text, sha256 FROM survivors').iterate();
    for (const { text, sha256 } of rows() as Iterable<{ text: string; sha256: string }>) {
      const seen = images.get(text);
      if (seen === null) continue;
      if (seen === undefined) images.set(text, new Set([sha256]));
      else if (seen.add(sha256).size > maxImages) images.set(text, null);
    }
    for (const { id, text } of rows() as Iterable<{ id: string; text: string }>) {
      if (images.get(text) === null) yield { id, reason: 'too-many-images' };
    }
  },
});
