/**
 * Telephone numbers in a text, and no numbers of catalogues, dates, books, accounts or addresses of machines. What has the form of a
 * number is shown to Google's libphonenumber (in libphonenumber-js), which knows each country's plan; what stands before it
 * ("Tel.", "Inv. no.") decides where the form alone does not. Its own search for numbers takes a millisecond a text.
 */
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min';

export interface Span {
  readonly from: number;
  readonly end: number;
}

/** With a plus or 00, North American, or with the 0 that numbers within European countries begin with. */
const candidates = new RegExp(
  [
    '(?<international>(?:\\+|(?<![+(])00 ?(?=[1-9]))\\(?\\d[\\d\\s()./-]{6,20}\\d)',
    '(?<american>(?:\\(\\d{3}\\) ?|\\d{3}[\\s.-])\\d{3}[\\s.-]\\d{4})',
    '(?<national>\\(?0\\d{0,5}\\)?[ ./-]{0,3}\\d{2,8}(?:[ ./-]{1,3}\\d{2,8}){0,4})',
    '(?<spanish>[6-9]\\d{2}(?: \\d{3}){2}|[6-9]\\d{2}(?: \\d{2}){3}|9\\d \\d{3} \\d{2} \\d{2})',
  ]
    .map((form) => `(?<![\\p{L}\\p{N}]|[\\p{N}][.,/:-])${form}(?![\\p{L}\\p{N}]|[.,/:-]\\p{N})`)
    .join('|'),
  'gu',
);

/** Read from what stands before a number, the nearer word first. */
const telephoneWord =
  /(?:\b(?:tele)?(?:phone|fax|fon|foon)|\btel|\btél|téléphone|teléfono|telefon|\bcall|\bring|\btext|\bsms|\bdial|\bmobile|\bmob|\bcell|\bportable|\bhandy|\bmóvil|\bhotline|\bwhatsapp|\bcontact|\bappelez|\brufen sie|\banruf|\bllame|[☎📞📱])(?:(?: us| me| now| today| at| on| under| le| al| uns)|\s|[.:()#/]|\bno\b|\bnr\b|\bnumber\b|\bnummer\b|\boffice\b){0,8}$/iu;
const otherNumber =
  /(?:\b(?:inv(?:entory|entar|entaire)?|acc(?:ession)?|cat(?:alog(?:ue)?)?|kat(?:alog)?|lot|los|ref(?:erence)?|isbn|issn|ean|upc|gtin|sku|asin|item|model|part|artikel|article|art|order|serial|object|objekt|id|iban|bic|patent|doi|plate|neg(?:ative)?|sign(?:atur)?|coll(?:ection)?|file|box|record|museum|no|nos|nr|num|number|nummer|code|version|v)|[№#§$€£])[ .:#º°-]*(?:(?:no|nr|num|number|nummer)[ .:#º°-]*)?$/iu;
/** "NGC 0224", "BR 0171": what has a short name in capitals. */
const acronym = /(?<![\p{L}\p{N}])\p{Lu}{2,6}[ .:-]?$/u;
const maxBefore = 40;

const national: readonly CountryCode[] = ['GB', 'FR', 'DE', 'AT', 'CH', 'NL', 'BE', 'IT', 'IE'];

/** Where telephone numbers stand, first to last. */
export function telephones(text: string): Span[] {
  const found: Span[] = [];
  for (const match of text.matchAll(candidates)) {
    const { index, 0: all, groups } = match;
    const before = text.slice(Math.max(0, index - maxBefore), index);
    const called = telephoneWord.test(before);
    if (!called && (otherNumber.test(before) || acronym.test(before))) continue;
    const number = groups!.international !== undefined ? international(all) : isHere(all, groups!, called) ? all : null;
    if (number !== null) found.push({ from: index, end: index + number.length });
  }
  return found;
}

/** The number, without what the form took of the numbers behind it; null when no country has one so. */
function international(found: string): string | null {
  const isPlus = found.startsWith('+');
  for (let rest = found; ; ) {
    const parsed = parsePhoneNumberFromString(isPlus ? rest : `+${rest.slice(2)}`);
    if (isPlus ? parsed?.isPossible() : parsed?.isValid()) return rest;
    const shorter = rest.replace(/[\s()./-]+\d+$/, '');
    if (shorter === rest) return null;
    rest = shorter;
  }
}

const isDate = /^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b/;

function isHere(found: string, { american, spanish }: Record<string, string | undefined>, called: boolean): boolean {
  if (american !== undefined) {
    // Any number of the form in brackets or when it is called; else one that the plan allows, by hyphens: museums use full stops.
    return called || found.startsWith('(') || /^[2-9]\d{2}-[2-9]\d{2}-/.test(found);
  }
  if (spanish !== undefined) return called && isValid(found, 'ES');
  const digits = found.replace(/\D/g, '');
  if (digits.length < 8 || digits.length > 12) return false;
  const isFrench = /^0\d(?:[ .]\d{2}){4}$/.test(found);
  if (isDate.test(found) && !isFrench) return false;
  if (called) return national.some((country) => isValid(found, country));
  // Without a word before it: two groups at least, as each country writes its own.
  if (isFrench) return isValid(found, 'FR');
  if (/^(?:\(0\d{2,4}\)|0\d{2,4}) (?:\d{3} \d{3,4}|\d{4} \d{4}|\d{5,6})$/.test(found) && isValid(found, 'GB'))
    return true;
  return (
    /^(?:\(0\d{2,4}\)|0\d{2,4}) ?[ /-] ?\d{2,}(?:[ -]\d{2,})*$/.test(found) &&
    digits.length >= 9 &&
    isValid(found, 'DE')
  );
}

const isValid = (number: string, country: CountryCode): boolean =>
  parsePhoneNumberFromString(number, country)?.isValid() ?? false;
