/**
 * One form for every text, so that it is the same wherever it was found: whitespace folded, characters that are invisible or
 * control direction removed, NFC, what publishing systems broke repaired.
 */
import { repairText } from './repair-text.ts';

/** UTF-16 units. Ours: textbooks describe a chart in up to 9,000; what is too long to train on, the filters decide. */
export const maxTextLength = 20_000;

/**
 * C0 and C1 controls, soft hyphen, bidirectional marks and overrides (UAX #9), zero-width space, word joiner and byte
 * order mark, Unicode tags, lone surrogates. Zero-width joiners stay: Persian, Indic scripts and emoji are spelt with them.
 */
const invisible =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed.
  /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

/** Most texts have nothing to remove or to normalise; this test takes a fifth of the time. */
const beyondAscii = /[^\t\n\r\x20-\x7e]/;

/**
 * What may be invisible or in another form than NFC: all but ASCII, letters of Western languages, dashes, quotation marks and the signs
 * € and ™. Most other texts have none of it either.
 */
const unusual = /[^\t\n\r\x20-\x7e\xa0-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e\u20ac\u2122]/;

/** White space that is not one space between words; a replacement for each single space takes a tenth of the extraction. */
const unfolded = /[^\S ]\s*| \s+/g;

/** The text in that form; one of more than `maxLength` UTF-16 units is cut at a word. */
export function cleanText(text: string, maxLength = maxTextLength): string {
  const repaired = text.includes('&') || beyondAscii.test(text) ? repairText(text) : text;
  const visible = unusual.test(repaired) ? repaired.replace(invisible, '').normalize('NFC') : repaired;
  const folded = visible.replace(unfolded, ' ').trim();
  if (folded.length <= maxLength) return folded;
  const cut = folded.lastIndexOf(' ', maxLength);
  return folded.slice(0, cut > maxLength / 2 ? cut : maxLength).replace(/\p{Surrogate}$/u, '');
}
