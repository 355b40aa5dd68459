/**
 * The first sentences of a long text (LAIT §3 step 3 detects sentences in what surrounds an image before it judges them): a
 * textbook's alternative text describes a picture first and then every detail of it.
 */
import { words } from './words.ts';

/** A full stop in one of these ends no sentence; nor does one after an initial. */
const abbreviation =
  /(?:^|[\s("“])(?:\p{Lu}|mr|mrs|ms|dr|prof|st|sr|jr|gen|col|capt|lt|sgt|sen|gov|rep|rev|vs|etc|fig|no|nos|vol|pp?|ca?|cf|al|approx|e\.g|i\.e)\.$/iu;
/** A run of marks is tried from its first one only: from each of 20,000 full stops it would be quadratic. */
const sentenceEnd = /(?<![.!?…])[.!?…]+["”’»)\]]*(?= |$)|[。！？]+[」』”）]*/gu;

/** The text up to the last sentence that ends within the limits; as it is when it is short enough or no sentence does. */
export function firstSentences(
  text: string,
  { maxWords, maxChars }: { readonly maxWords: number; readonly maxChars: number },
): string {
  // A word and the space after it are two characters at least.
  if (text.length <= Math.min(2 * maxWords - 1, maxChars)) return text;
  if (text.length <= maxChars && words(text).length <= maxWords) return text;
  let kept = text;
  let [from, count] = [0, 0];
  for (const { 0: mark, index } of text.matchAll(sentenceEnd)) {
    const end = index + mark.length;
    if (end > maxChars) break;
    if (mark === '.' && abbreviation.test(text.slice(Math.max(0, end - 10), end))) continue;
    count += words(text.slice(from, end)).length;
    if (count > maxWords) break;
    kept = text.slice(0, end);
    from = end;
  }
  return kept;
}
