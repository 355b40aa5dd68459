/**
 * What publishing systems break in texts, undone: entities escaped twice (`&amp;amp;`, `&amp;nbsp;`), and UTF-8 that was read as
 * windows-1252 ("cafÃ©"). A text is taken for the second only where all of it would be UTF-8, which other texts are not:
 * one letter with an accent before a plain one rules it out. And what it would be has to be something that people write, as ftfy asks:
 * "CAFÉ’S" would be "CAFɒS", "Spaß–Test" a letter of N'Ko between Latin ones.
 */
import { load } from 'cheerio/slim';

const entity = /&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,30});/i;

/** Times that a text was escaped too often. */
const maxRounds = 3;

/** UTF-8 of one letter after another, read as windows-1252, begins so. */
const suspect =
  /[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]/;

/** What windows-1252 has for 0x80 to 0x9F (WHATWG Encoding Standard); Node's own decoder reads Latin-1 there. */
const special = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
const specialByte: ReadonlyMap<string, number> = new Map([...special].map((character, at) => [character, 0x80 + at]));

function byteOf(character: string): number | undefined {
  const code = character.charCodeAt(0);
  return code < 0x80 || (code >= 0xa0 && code <= 0xff) ? code : specialByte.get(character);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text as its author wrote it. */
export function repairText(text: string): string {
  let repaired = text;
  for (let round = 0; round < maxRounds && repaired.includes('&') && entity.test(repaired); round++)
    repaired = decodeEntities(repaired);
  for (let round = 0; round < maxRounds && suspect.test(repaired); round++) {
    const decoded = asUtf8(repaired);
    if (decoded === null || !isWritten(decoded)) break;
    repaired = decoded;
  }
  return repaired;
}

/** A text has no tags any more: what looks like one is text. */
const decodeEntities = (text: string): string =>
  load(text.replaceAll('<', '&lt;'), { xml: { xmlMode: false, decodeEntities: true } }).text();

function asUtf8(text: string): string | null {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) {
    const byte = byteOf(text[at]!);
    if (byte === undefined) return null;
    bytes[at] = byte;
  }
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** Letters of two bytes in UTF-8 that are no Latin ones of today's languages: Greek and all scripts up to N'Ko. */
const foreign = /[\u0370-\u07ff]/g;
/** Latin letters of phonetics and of old or rare spellings, and marks above letters that no keyboard has. Romanian's Ș and Ț are no such. */
const rare = /[\u0180-\u0217\u021c-\u02bb\u02bd-\u02ff]|[\u030d-\u036f]/;
const latin = /\p{Script=Latin}/u;
const greek = /\p{Script=Greek}/u;
/** So many letters of another script are a text in it. Ours. */
const fewForeign = 3;

/** Whether a decoded text is one that people write. */
function isWritten(text: string): boolean {
  if (rare.test(text)) return false;
  const found = [...text.matchAll(foreign)].map(({ index }) => index);
  const isLatin = (at: number) => latin.test(text.charAt(at));
  if (found.some((at) => isLatin(at - 1) || isLatin(at + 1))) return false;
  return found.length === 0 || found.length >= fewForeign || found.every((at) => greek.test(text[at]!));
}
