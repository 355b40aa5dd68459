/**
 * Who made a picture or lent it, and where it was bought. Alone a credit says nothing of what the picture shows; before or after a
 * description it is cut off.
 */
import type { Element } from 'domhandler';
import { countWords } from './shared-words.ts';

/** How a credit begins. */
const creditLead =
  /^(?:©|\(c\)|fot\.|copyright\b|courtesy of\b|(?:fotos?|fotograf(?:ie|in)?|bild(?:er|quelle|nachweis)?|quelle|photos?|photographs?|photograph(?:er|y)|images?|pictures?|illustrations?|graphics?|grafik|videos?|screenshot|credits?|source|crédits?(?: photo)?|fuente|fonte)\s*(?:credits?\b|courtesy(?: of)?\b|source\b|by\b|von\b|par\b|di\b|de\b|[:©/])\s*(?:by\b|of\b|:)?)\s*/iu;
const agency =
  /^(?:getty images|shutterstock|istock(?:photo)?|unsplash|pixabay|pexels|flickr|instagram|youtube|twitter|facebook|wikimedia(?: commons)?|reuters|afp|dpa|ap photo|ap|epa|imago|picture alliance|alamy)(?:\s*[/(|,:©–-].{0,60})?$/i;

/** A word that says which picture of the page is meant, before the credit. */
const creditKind = /^(?:hero|cover|header|title|banner|featured?|lead)\s+(?=image|photo|picture|illustration)/i;

/** Nothing but the word that a credit begins with, thanks to somebody, and the licence with an address. */
const wholeCredit =
  /^\(?(?:(?:image|photo|picture|bild) )?(?:source|quelle|credits?)\)?$|^\(?(?:images? )?courtesy of\b[^:;]{0,60}$|^cc\b.{0,40}https?:\/\/\S+$/i;

/** UTF-16 units of what follows. */
const maxCreditLength = 80;

/** Names: words with a capital, figures, addresses, and what joins them. */
const names =
  /^(?:(?:[\p{Lu}\p{Lo}\p{N}@([{"'©]\S*|\S*[.@_/]\S+|dpa|afp|epa|imago|by|via|from|on|and|und|et|y|e|of|the|für|von|van|de|der|da|di|la|le|at|cc|license|[&/|·,–-])(?:\s+|$)){1,10}$/u;

/** "Courtesy of the museum: bronze horse". */
const lender = /^\(?(?:(?:images?|photos?|pictures?) )?courtesy of\b[^:;]{1,60}[:;]\s+/i;

/** Who made a picture, with no word on what it shows. `text` is clean and short. */
export function isCredit(text: string): boolean {
  if (agency.test(text) || wholeCredit.test(text)) return true;
  const lent = lender.exec(text)?.[0];
  if (lent !== undefined) return names.test(text.slice(lent.length));
  const said = text.replace(creditKind, '');
  const lead = creditLead.exec(said)?.[0];
  if (lead === undefined) return false;
  const rest = said.slice(lead.length);
  return rest.length <= maxCreditLength && (rest === '' || names.test(rest));
}

const stock =
  '(?:shutterstock|istock(?:photo)?|adobe ?stock|getty ?images|depositphotos|dreamstime|fotolia|pexels|pixabay|unsplash)';

/** "Photo by Ada Wren on Unsplash", after a description. */
const bySomebody = new RegExp(
  `[\\s.,;:|(–—-](?:photos?|images?|pictures?|fotos?|bild|illustration|credits?)(?: credits?)?(?: by\\b| von\\b| par\\b|\\s?[:©]).{1,60}\\b${stock}(?:\\.com)?\\)?[.…]?$`,
  'i',
);

/** "Shutterstock 123456789", with a sign or a preposition before it or none. */
const numbered = new RegExp(
  `[\\s.,;:|(–—_-](?:(?:source|via|from|©)[:\\s]\\s?)?${stock}[\\s_#-]{0,3}\\d{5,}\\)?\\.?$`,
  'i',
);

/** "| Unsplash", "(Getty Images)". A preposition may belong to what is said: "How to load pictures from Unsplash". */
const named = new RegExp(`(?:\\s[|–—-]|[.(©]|\\svia)\\s?${stock}(?:\\.com)?\\)?\\.?$`, 'i');

/** UTF-16 units. A longer text is no caption with a credit. */
const maxCreditedLength = 1000;

/** A description without the credit before or after it; a text that is nothing but a credit stays as it is. `text` is clean. */
export function withoutCredit(text: string): string {
  if (text.length > maxCreditedLength) return text;
  const lent = lender.exec(text)?.[0] ?? '';
  const said = names.test(text.slice(lent.length)) ? text : text.slice(lent.length);
  // Credits are short: their beginning is searched in the end of the text alone.
  const from = Math.max(0, said.length - maxCreditTailLength);
  const before = (credit: RegExp): string => {
    const at = credit.exec(said.slice(from))?.index;
    return at === undefined ? '' : withoutJoint(said.slice(0, from + at + 1));
  };
  const described = before(bySomebody);
  if (countWords(described) > 0) return described;
  return [before(numbered), before(named)].find((text) => countWords(text) > maxWordsOfFileName) ?? said;
}

const joint = /[\s,;:|(©_–—-]/;

/** Without the signs and spaces that joined the credit. */
function withoutJoint(text: string): string {
  let end = text.length;
  while (end > 0 && joint.test(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}

/** UTF-16 units. */
const maxCreditTailLength = 120;

/** Words before the number or the name of a stock of photographs that are the name of its file. Ours. */
const maxWordsOfFileName = 3;

const stockFile = new RegExp(`(?<![\\p{L}\\d])${stock}[\\s_-]{0,3}\\d{5,}|(?<!\\p{L})unsplash$`, 'iu');

/** What Unsplash calls a photograph, or the half of it: "1ddol8rg". */
const photographCode = /(?:^|[\s_-])(?=\p{L}*\d)(?=\d*\p{L})[\p{L}\d]{3,11}[\s_-].{0,12}unsplash$/iu;

/** True for the name of a file of a stock of photographs. */
export const isStockFile = (text: string): boolean =>
  stockFile.test(text) && (countWords(text.replace(stockFile, '')) <= maxWordsOfFileName || photographCode.test(text));

/** What sites call the part of a caption that says who made the picture: the last word of a class, "photo-credit", "credit-line". */
const creditWord =
  /(?:^|[^a-z])(?:credits?|creditor|copyrights?|copyright-?holder|photographers?|attribution)(?:-?(?:line|text|name))?$/;

/** A wrapper of it, and what has none. */
const creditWrapperWord = /^(?:has|with|no|without|hide)-|-(?:with|without|and|no)-/;

/** Attributes without any of these are spared the search for whole words. */
const anyCreditWord = /credit|copyright|photographer|attribution/i;

/** UTF-16 units of a class. */
const maxMarkLength = 300;

/** Attributes by which elements are known: classes may be hashes beside them. */
const isMark = (name: string): boolean =>
  name === 'class' || name === 'itemprop' || /^data-.*(?:key|id|name|component|element)$/.test(name);

/** Whether an element is marked as a credit, and not as a caption with one. */
export function isCreditMarked({ attribs }: Element): boolean {
  for (const name in attribs) {
    const value = attribs[name]!;
    if (value.length > maxMarkLength || !anyCreditWord.test(value) || !isMark(name)) continue;
    if (!/caption/i.test(value) && value.split(/\s+/).some(isCreditName)) return true;
  }
  return false;
}

/** Whether a name of a class says so, without its variant ("--small") and what a bundler adds ("__a1B2c", "-sc-1x2y-0"). */
function isCreditName(name: string): boolean {
  if (!anyCreditWord.test(name)) return false;
  const parts = name.split('--', 1)[0]!.split(/[_-]+/);
  while (/\d|^sc$/.test(parts.at(-1) ?? '')) parts.pop();
  const words = parts
    .join('-')
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase();
  return creditWord.test(words) && !creditWrapperWord.test(words);
}

/** Words of small letters from which on what is marked as a credit may describe the picture. Ours. */
const minDescribingWords = 3;

/** Whether a text that is marked as a credit is none: most of its words are no names. */
export function describesDespiteMark(text: string): boolean {
  if (isCredit(text)) return false;
  const small = text.match(/(?<![\p{L}\p{N}.@/])\p{Ll}{3,}/gu)?.length ?? 0;
  return small >= minDescribingWords && small > (text.match(/(?<![\p{L}\p{N}])\p{Lu}/gu)?.length ?? 0);
}
