/** What a word is, for every rule that counts them. */

/** Scripts that put no space between words: there the runtime's dictionary says where one ends (UAX #29). */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });
const letterOrDigit = /[\p{L}\p{N}]/u;

/** The words of a text as written: runs between spaces that hold a letter or a digit, with the punctuation around them cut. */
export function words(text: string): string[] {
  if (unspaced.test(text)) {
    return [...segmenter.segment(text)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment);
  }
  const found: string[] = [];
  for (const run of text.split(/\s+/)) {
    if (letterOrDigit.test(run)) found.push(run.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ''));
  }
  return found;
}
