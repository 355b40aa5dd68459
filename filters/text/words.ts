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
    const found: string[] = [];
    for (const part of partsOf(text)) {
      for (const { segment, isWordLike } of segmenter.segment(part)) if (isWordLike) found.push(segment);
    }
    return found;
  }
  const found: string[] = [];
  for (const run of text.split(/\s+/)) {
    const first = run.search(letterOrDigit);
    if (first >= 0) found.push(run.slice(first, lastLetterOrDigit(run)));
  }
  return found;
}

const noLetterAtEnd = /[^\p{L}\p{M}\p{N}](?=[\p{L}\p{M}\p{N}]*$)/u;
const maxPartChars = 200;

/** The segmenter's time grows with the square of its text: it gets a part at a time, cut behind a sign where there is one. */
function* partsOf(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    let end = Math.min(from + maxPartChars, text.length);
    if (end < text.length) {
      const sign = text.slice(from, end).search(noLetterAtEnd);
      if (sign > 0) end = from + sign;
      else if (/[\ud800-\udbff]/.test(text[end - 1]!)) end -= 1;
    }
    yield text.slice(from, end);
    from = end;
  }
}

/** Where the last letter or digit of a run ends. Goes back from the end: an expression tried at every place is quadratic. */
function lastLetterOrDigit(run: string): number {
  for (let end = run.length; end > 0; ) {
    const start = end - (/^[\ud800-\udbff][\udc00-\udfff]$/.test(run.slice(end - 2, end)) ? 2 : 1);
    if (letterOrDigit.test(run.slice(start, end))) return end;
    end = start;
  }
  return 0;
}

let last: { readonly text: string; readonly words: readonly string[] } = { text: '', words: [] };

/** The words of a text in lower case. Rules judge one text after another: the last answer is enough of a cache. */
export function lowerCaseWords(text: string): readonly string[] {
  if (text !== last.text) last = { text, words: words(text.toLowerCase()) };
  return last.words;
}
