/** Texts as their words, for a linear map: each word is a direction, weighted by how rare it is. */
import type { TextSpace } from './linear-map.ts';

type Pieces = readonly number[];

/** Ours: more words than this are rare ones that tell little and cost much. */
const maxWords = 8_192;

/** Words of texts by tf-idf with logarithmic counts (Salton & Buckley 1988), the most frequent of them; `vocabulary` is WordPiece. */
export function wordSpace(vocabulary: readonly string[]): TextSpace {
  const wordsOf = (pieces: Pieces): string[] => {
    const words: string[] = [];
    for (const piece of pieces) {
      const text = vocabulary[piece] ?? '';
      if (text.startsWith('##') && words.length > 0) words.push(words.pop()! + text.slice(2));
      else words.push(text);
    }
    return words;
  };
  return {
    name: 'words',
    fit(training) {
      const counts = new Map<string, number>();
      for (const text of training) {
        for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      const kept = [...counts].sort(([, one], [, other]) => other - one).slice(0, maxWords);
      const columns = new Map(kept.map(([word], at) => [word, at]));
      const weights = kept.map(([, count]) => Math.log((1 + training.length) / (1 + count)) + 1);
      return (texts) => {
        const values = new Float32Array(texts.length * kept.length);
        texts.forEach((text, row) => {
          const found = new Map<number, number>();
          for (const word of wordsOf(text)) {
            const column = columns.get(word);
            if (column !== undefined) found.set(column, (found.get(column) ?? 0) + 1);
          }
          const entries = [...found].map(
            ([column, times]) => [column, (1 + Math.log(times)) * weights[column]!] as const,
          );
          const length = Math.hypot(...entries.map(([, weight]) => weight));
          for (const [column, weight] of entries) values[row * kept.length + column] = weight / length;
        });
        return { rows: texts.length, columns: kept.length, values };
      };
    },
  };
}
