/**
 * Texts that stand beside a picture and say nothing of it: prices, dates, ratings, buttons, labels that wait for a value. They
 * are words, so an alt text may be one of them; a heading, a title or a paragraph of a card is not.
 */

/** Texts without any of these are spared the search for the longer patterns below. */
const anyCurrency = /[$€£¥₹₽₩₺]|USD|EUR|GBP|CHF|SEK|NOK|DKK|PLN|CZK|AUD|CAD|INR|JPY|Kč|zł|kr|Ft/;
const digitOrAgo = /\d|ago/i;

/** A currency, or a number with one. */
const price =
  /^(?:[^\p{L}]*|.{0,24}\s)(?:[$€£¥₹₽₩₺]|\b(?:USD|EUR|GBP|CHF|SEK|NOK|DKK|PLN|CZK|AUD|CAD|INR|JPY|Kč|zł|kr|Ft)\b)\s{0,3}[\d.,]*[^\p{L}]{0,40}(?:\p{L}+\s?){0,3}[^\p{L}]{0,40}$/u;

const month =
  '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|janv|févr|mars|avr|juin|juil|août|sept|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|mrt|mei)\\p{L}{0,8}\\.?';
/** A date with at most three words around it, such as a place or "Updated". */
const date = new RegExp(
  `^(?:\\p{L}+[.,:]?\\s+){0,3}(?:\\d{1,2}(?:st|nd|rd|th|er|º)?[.,]?\\s+(?:de\\s+)?${month}(?:\\s+(?:de\\s+)?\\d{2,4})?|${month}\\s+\\d{1,2}(?:st|nd|rd|th)?(?:,?\\s+\\d{4})?|${month},?\\s+\\d{4}|\\d{1,4}[./-]\\d{1,2}[./-]\\d{2,4}|\\d{4}年.*|(?:an?|\\d+)\\s+(?:second|minute|hour|day|week|month|year)s?\\s+ago|vor\\s+\\d+\\s+\\p{L}+)(?:[\\s,|·•–-]+[\\d:]*\\s*(?:am|pm|uhr)?\\s*(?:\\p{L}+\\s*){0,2})?$`,
  'iu',
);

/** What a reader may do, in the languages of large sites. */
const button =
  /^(?:(?:shop|buy|order|book|watch|listen|read|learn|see|view|show|find out|discover|explore|browse|get|sign up|subscribe|register|log ?in|join|donate|download|share|print|save|compare|select|choose|quick|add)(?:[!.…]| (?:now|more|all|it|the|this|to|on|for|your|here|today|full|options?|details|us|story|article|post|video|deal|started|view|shop|cart|wish ?list|bag|basket|collection|range|and|&|in|out|up|price|product|products|book|guide|item|items|review|reviews|recipe|\d+|save!?|later|next|previous|size|sizes|colou?rs?|quantity|free|demo|quote|tickets?|pdf)\b)*[!.…›»→>]*|read on|more|more info(?:rmation)?|details|continue(?: reading)?|click here|new|sale|sold out|out of stock|in stock|best ?seller|featured|popular|trending|recommended|just watched|must watch|now playing|selected|previous|next|back|home|close|menu|search|overview|features?|description|specifications?|reviews?|our review|written review|video review|comments?|gallery|photos?|videos?|related(?: \w+)?|about|contact(?: us)?|weiterlesen|mehr(?: erfahren| lesen| infos?)?|jetzt \p{L}+|in den warenkorb|zum (?:artikel|shop|produkt)|ansehen|lire (?:la suite|plus)|en savoir plus|voir(?: plus)?|acheter|leer más|ver más|saber más|comprar|leggi(?: tutto| anche| di più)?|scopri(?: di più)?|acquista|lees (?:meer|verder)|bekijk|czytaj (?:więcej|dalej)|läs mer|les mer|læs mere|lue lisää|более|подробнее|читать далее|もっと見る|続きを読む|查看更多|阅读更多)[\s:!.…›»→>]*$/iu;

/** "Item Number: BenQ-LK936ST", "By Amy Roeder", "4.5 out of 5", "146 Reviews", "11 Kommentare". */
const label =
  /^(?:(?:item|model|part|product|article|art|serial|order)[\s-]?(?:number|no|nr|code|id|#)?|sku|mpn|ean|upc|isbn|asin|price|preis|prix|precio|prezzo|brand|manufacturer|maker|vendor|hersteller|author|autor|rated|rating)\.?\s?[:#]/i;
const byline =
  /^(?:[Bb]y|[Vv]on|[Pp]ar|[Pp]or|[Dd]i|[Dd]oor|[Tt]ext|[Ww]ords|[Ww]ritten by|[Pp]osted by|[Aa]utor(?:in)?|[Aa]uthor)\b:?\s+(?:\p{Lu}\S*\s*(?:and|und|et|y|e|&|,)?\s*){1,5}$/u;
const count =
  /^[\d.,+]+\s?[km]?\s+(?:reviews?|ratings?|comments?|likes?|views?|shares?|replies|answers?|stars?|photos?|videos?|items?|products?|results?|min(?:utes?)?(?: read)?|kommentare?|bewertung(?:en)?|commentaires?|avis|comentarios?|commenti|reacties)\b.{0,12}$|^(?:rated\s+)?\d(?:[.,]\d+)?\s?(?:\/|out of|von|sur|de|di)\s?(?:5|10)\b.{0,20}$/i;

/** Headings that say of what kind a section is, and nothing of what is in it. */
const sectionKind =
  /^(?:welcome|willkommen|bienvenue|benvenut[io]|bienvenid[oa]s?|case stud(?:y|ies)|main office|head office|store locations?|stock alerts?|table of contents|view this figure|download (?:chart|image|figure)(?: image)?|(?:top|budget|our|upgrade|also great|editor.s) pick|best for|beispiele?|examples?|图集|图片|guest|(?:product )?(?:images?|photos?|videos?)(?:\s?[/&]\s?(?:images?|photos?|videos?))*|on (?:x|twitter|facebook|instagram|youtube|linkedin|tiktok))[\s:!.…]*$/i;
const readingTime = /^.{0,30}\b\d+\s?min(?:ute)?s?\.?\s?read$/i;
/** What asks for an address, or for consent. */
const request =
  /^enter your (?:e-?mail|name|phone|zip)|^please (?:(?:select|choose|enter) (?:an?|your|one|the)(?: [\p{L}-]+){1,3}|(?:log|sign) ?in|try again(?: later)?|enable (?:java ?script|cookies)(?: (?:in|on) your browser)?)(?: (?:to|and) (?:view|use|see|continue|post|reply|comment|leave|add|access)\b.*|[\s.!…]*$)|^no spam(?:,? (?:ever|guaranteed|please|promised?|unsubscribe)\b|[.!…]|$)|^i (?:agree|consent) to (?:the\b|receiv|.*\b(?:me|my|terms|privacy|policy)\b)|^by (?:clicking|submitting|subscribing|signing up)\b.*\byou(?: are|.re)? (?:agree|accept|consent|confirm|acknowledge)|^you (?:may|can) ?not (?:post (?:new |replies|attachments|links)|reply (?:to|in) (?:this|topics|threads|discussions))|\bcookies?[\s-](?:(?:and|&|und) \p{L}+ )?(?:settings|preferences|policy|consent|notice|einstellung)|(?:préférences|preferences|paramètres)(?: (?:de|des|for|of))? cookies?\b|^(?:manage|accept|gestion|gérer)(?: \p{L}+){0,2} cookies?$/iu;

/** Footnotes and what boards quote of others, of any length. */
const aside =
  /^[*†‡]\s?\p{L}|^(?!(?:what|how|why|when|where|as) )\S.{0,40} (?:said|wrote):\s|click to expand[.…]{0,3}$/iu;

/** What somebody says, from the first word to the last: a testimonial, not a title that begins with a quotation. */
const quotation = /^[“„«"][^“”„«»"]{58,}(?:[”“»"][\s→.]*)?$/;

/** UTF-16 units. A longer text says more than that. */
const maxRemarkLength = 80;

/** True for a heading or a paragraph that says nothing of the picture it stands beside. `text` is clean. */
export const isRemark = (text: string): boolean =>
  aside.test(text) ||
  quotation.test(text) ||
  isRemarkAsCaption(text) ||
  (text.length <= maxRemarkLength && request.test(text));

/** The same for what is marked as the caption: there a quotation or a note is about the picture. */
export function isRemarkAsCaption(text: string): boolean {
  if (text.length > maxRemarkLength) return false;
  return (
    !/\p{L}{2}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u.test(text) ||
    /[:：]$/.test(text) ||
    (anyCurrency.test(text) && price.test(text)) ||
    (digitOrAgo.test(text) && date.test(text)) ||
    button.test(text) ||
    label.test(text) ||
    byline.test(text) ||
    count.test(text) ||
    sectionKind.test(text) ||
    readingTime.test(text)
  );
}
