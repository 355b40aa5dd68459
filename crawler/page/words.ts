/** The words of a text: its runs of letters. Most texts of the web's pages are ASCII, which needs no Unicode classes. */

const beyondAscii = /[^\0-\x7f]/;

export const isAscii = (text: string): boolean => !beyondAscii.test(text);

const isAsciiLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90);

/** The runs of letters in a text, in order: those of at least `minLength` UTF-16 units. */
export function lettersIn(text: string, minLength = 1): readonly string[] {
  if (!isAscii(text)) return (text.match(/\p{L}+/gu) ?? []).filter(({ length }) => length >= minLength);
  const runs: string[] = [];
  let start = -1;
  for (let at = 0; at < text.length; at += 1) {
    if (isAsciiLetter(text.charCodeAt(at))) {
      if (start === -1) start = at;
    } else if (start !== -1) {
      if (at - start >= minLength) runs.push(text.slice(start, at));
      start = -1;
    }
  }
  if (start !== -1 && text.length - start >= minLength) runs.push(text.slice(start));
  return runs;
}
