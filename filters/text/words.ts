/** What a word is, for every rule that counts them. */

/** Scripts that put no space between words: there the runtime's dictionary says where one ends (UAX #29). */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });
const letterOrDigit = /[\p{L}\p{N}]/u;

const ascii = /^[\0-\x7f]*$/;
const asciiWord = /[A-Za-z0-9](?:\S*[A-Za-z0-9])?/g;

/** The words of a text as written: runs between spaces that hold a letter or a digit, with the punctuation around them cut. */
export function words(text: string): string[] {
  if (ascii.test(text)) return text.match(asciiWord) ?? [];
  if (unspaced.test(text)) {
    return [...segmenter.segment(text)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment);
  }
  const found: string[] = [];
  for (const run of text.split(/\s+/)) {
    if (letterOrDigit.test(run)) found.push(run.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ''));
  }
  return found;
}

let last: { readonly text: string; readonly words: readonly string[] } = { text: '', words: [] };

/** The words of a text in lower case. Rules judge one text after another: the last answer is enough of a cache. */
export function lowerCaseWords(text: string): readonly string[] {
  if (text !== last.text) last = { text, words: words(text.toLowerCase()) };
  return last.words;
}
