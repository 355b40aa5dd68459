/**
 * What of a text is about the page or the picture file and not about what is seen: labels ("Figure 3:", "Photo:", "Download
 * this stock image:"), phrases of galleries and stock sites, addresses, credits. CC3M crops such sequences where a text
 * begins or ends with them, so "a woman choosing a stock photo" keeps its noun and "Figure 8 knot" its figure: a word that could be a
 * label is one only where punctuation, the end of the text or a word such as "of" says so. Each function takes a text and
 * returns it as it was or shorter, in linear time.
 */

const kind = '(?:images?|photos?|photographs?|pictures?|pics?|illustrations?|vectors?|graphics?|clip ?art|footage)';
const adjective = '(?:(?:royalty[- ]free|premium|editorial|free|hd|4k|vintage) ){0,3}';
const stockPhrase = `${adjective}(?:stock (?:${kind}|photography)|royalty[- ]free ${kind})`;
/** What stock sites write after it: their name, a number. */
const stockTail =
  '(?:[ ,|–—-]{1,3}(?:by |from |on )?(?:alamy|getty images|istock|shutterstock|123rf|dreamstime|depositphotos|adobe stock))?(?:[ ,|#–—-]{1,3}[a-z]{0,4}\\d{4,12})?';
const left = '(?:^|(?<=[|·•:;,.!?([{–—-] ?))';
const right = '(?= ?(?:[|·•:;,.!)\\]}–—-]|$))';

/** CC3M's first two with their relatives; the last three stand anywhere. Listed among the rule's settings. */
export const croppedPhrases = [
  'click to enlarge picture',
  'stock photo',
  'royalty-free images',
  'download this image',
  'opens in a new tab',
  'click here to enlarge the image',
  'image may be subject to copyright',
] as const;

const anywhere =
  /(?<![\p{L}\p{N}])(?:click (?:here )?to (?:enlarge|zoom|view larger|expand)(?: (?:the )?(?:image|picture|photo))?|(?:image|photo|picture) may be subject to copyright)(?![\p{L}\p{N}])/giu;
const alone = new RegExp(
  `${left}(?:${stockPhrase}${stockTail}|(?:free )?download (?:(?:this|the|free|stock) ){0,3}${kind}(?: (?:now|here|for free))?)${right}`,
  'giu',
);
const newTab = /(?:(?<![\p{L}\p{N}])opens? in (?:a )?new (?:tab|window))(?= ?[)\]}|]|\.?$)/giu;
/** A stock phrase behind the last word: behind one of these words it is what the text is about. */
const atTheEnd = new RegExp(`(?<= )${stockPhrase}${stockTail}$`, 'iu');
const functionWord =
  /(?:^|[\s("“])(?:an?|the|this|that|these|those|my|your|his|her|its|our|their|some|any|no|of|for|in|on|at|to|by|with|from|as|like|and|or|choosing|using|buying|selling|taking|is|are|was|were) $/iu;
/** Before a text: "Stock photo of a boat", "Stock photo red boat", but not "Stock photo agencies in London". */
const stockAtStart = new RegExp(
  `^${stockPhrase}(?: (?:of|showing|depicting)(?= \\S)|(?= (?!(?:agenc|is|are|was|were|has|have|sites?|compan|librar|market|business|photographers?|models?|and|or|in|on|for|by|from|with)\\b|(?:agenc|compan|librar)\\p{L})\\S))`,
  'iu',
);
const downloadAtStart = new RegExp(
  `^(?:(?:(?:free )?download|buy|purchase|license|get|view|see|save|share) (?:(?:this|these|the|our|your|an?|free|stock|premium|hd|4k|high|high[- ](?:quality|resolution)|quality|royalty[- ]free|amazing|beautiful|stunning|best|new|large|larger|full|full[- ]size|original|editorial) ){0,8}${kind}(?: (?:now|here|today|online|for free|free)){0,2} ?(?:[:|]| [–—-]) (?=\\S)|(?:(?:free )?download|buy|purchase|license) (?:(?:this|these|the|our|an?|free|stock|premium|hd|4k|high[- ](?:quality|resolution)|royalty[- ]free) ){0,6}${kind} (?:of|showing|depicting) (?=\\S))`,
  'iu',
);

/** Most texts hold none of these words and are done. */
const maybe =
  /stock|royalty|click|download|copyright|new (?:tab|window)|^(?:buy|purchase|license|get|view|see|save|share) /iu;

/** Without what galleries and stock sites write beside every picture. */
export function cropPhrases(text: string): string {
  if (!maybe.test(text)) return text;
  let t = text.replace(anywhere, '').replace(downloadAtStart, '').replace(alone, '').replace(newTab, '');
  t = t.replace(stockAtStart, '');
  const end = atTheEnd.exec(t);
  if (end && end.index > 0 && !functionWord.test(t.slice(Math.max(0, end.index - 12), end.index))) {
    t = t.slice(0, end.index);
  }
  return t;
}

const address = /(?:https?:\/\/|www\.)\S+/gi;

export const cropAddresses = (text: string): string => text.replace(address, '');

/** "Photo:", "FILE PHOTO:", "Abbildung –": that a picture follows. */
const plainLabel =
  /^(?:(?:file|stock|archive|press|handout|featured|cover|header|main|lead|hero|profile|caption|alt(?:ernative)?) )?(?:photo(?:graph)?|image|picture|foto|bild|imagen|immagine|illustration|abbildung|caption|bildunterschrift|légende|leyenda|alt(?:ernative)? text|image description)s?(?: ?[:|]| [–—-]) (?=\S)/iu;
/** Agencies' mark of an archive picture. */
const fileLabel = /^FILE ?(?:[:–—-]) (?=\S)/u;
const labelled =
  'fig(?:ure|ura|s?\\.)?|abb(?:ildung|\\.)?|table|tabla|tabelle|tab\\.|plate|tafel|photo|foto|image|picture|bild|illustration|ill\\.|exhibit|chart|diagram|scheme|panel|box|slide';
/** "8", "12.31", "S2", "3a", "1–4", "1 of 12". */
const labelNumber = '[a-z]?\\d{1,3}(?:[.–-]\\d{1,3}){0,4}[a-z]?(?: (?:of|von|de|/) \\d{1,3})?';
/** A number and the punctuation that ends a label: "Figure 8: a knot", "Abb. 2 – Das Boot", "Photo 1 of 12 | A boat". */
const numberedLabel = new RegExp(
  `^(?:${labelled}) (?:n[or]\\.? )?${labelNumber}(?:[.:)|]| ?[|]| [:–—-]) (?=\\S)`,
  'iu',
);
/** Without punctuation: what is a label by its form ("Fig. 3 A boat", "Figure 3.1 Boats") or by an article after it. */
const shortLabel =
  /^(?:(?:Figs?|FIGS?|Abb|ABB|Tab|Ill)\.? ?\d{1,3}(?:[.–-]\d{1,3}){0,4}[a-z]?|(?:Figure|FIGURE|Figura|Abbildung|Table|Tabla|Tabelle) (?:[A-Z]?\d{1,3}(?:[.–-]\d{1,3}){1,4}|[A-Z]?\d{1,3}(?= (?:The|An?|This|These|Der|Die|Das|Eine?|El|La|Los|Las|Una?|Le|Les|Une?) ))) (?=[\p{Lu}“"'(])/u;
const romanLabel =
  /^(?:Fig(?:ure|\.)?|FIG(?:URE|\.)?|Plates?|PLATES?|Pl\.|Table|TABLE|Tafel|Taf\.) [IVXLC]{1,7}[.:] (?=\S)/u;
/** "6.11.3.", "3.": where a book numbers its sections and a list its entries; "2. Weltkrieg" and "3. Mai" are ordinals. */
const sectionNumber =
  /^\d{1,3}(?:\.\d{1,3}){0,4}[.:] (?!(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|Weltkrieg|Jahrhundert|Liga|Bundesliga|Klasse|Etage|Stock|Platz|[FST]C|FSV|FFC)(?!\p{L}))(?=\S)/u;

/** Without the label that a text begins with. */
export function cropLabel(text: string): string {
  for (const label of [numberedLabel, shortLabel, romanLabel, sectionNumber, fileLabel, plainLabel]) {
    if (label.test(text)) return text.replace(label, '');
  }
  return text;
}

/**
 * Who made a picture is not to be seen in it. In brackets, as textbooks and newspapers print it in English, Spanish, French
 * and German, or after the last sentence. Ours: all 326 captions of an OpenStax textbook end so.
 */
const bracketCredit =
  /^\((?:(?:(?:(?:photo|image|picture) )?(?:credits?|attributions?|source)|photo(?:graph)?|créditos?|atribución|crédits?|foto|bildnachweis|quelle)(?:[:,]| a: )|(?:(?:photo(?:graph)?|image|picture) (?:by|courtesy of)|courtesy of) )/iu;
const maxCreditChars = 3000;
const creditAtTheEnd =
  /(?<=[.!?…”"»)|–—] ?)(?:(?:photo(?:graph)?s?|images?|pictures?|illustrations?)(?: credits?:?| courtesy of| by|:) |(?:credits?|source): |courtesy of |(?:copyright )?© )(?:[^.|]|(?<=\b\p{L})\.){1,80}\.?$/iu;
/** A text that is nothing but a credit: "Photo: Ann Smith/Reuters", "Image credit: Ann Smith". */
const onlyCredit =
  /^(?:(?:photo(?:graph)?|image|picture|foto)s?: (?=[^|]{0,80}(?:\/|©|getty images|reuters|shutterstock|alamy|afp|\bAP\b|\bdpa\b))(?!an? |the )|(?:(?:photo(?:graph)?|image|picture)s? )(?:credits?|courtesy)(?::| of| by) )(?:[^.|]|(?<=\b\p{L})\.){1,80}\.?$/iu;

/** Without credits. */
export function cropCredits(text: string): string {
  const bare = text.includes('(') ? withoutBracketCredits(text) : text;
  return bare.replace(creditAtTheEnd, '').replace(onlyCredit, '');
}

/** Brackets are matched by a stack: one that is never closed is no bracket. */
function withoutBracketCredits(text: string): string {
  const open: number[] = [];
  const credits: { readonly from: number; readonly end: number }[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '(') open.push(at);
    else if (char === ')') {
      const from = open.pop();
      if (from === undefined || at - from > maxCreditChars || !bracketCredit.test(text.slice(from, from + 40)))
        continue;
      while (credits.length > 0 && credits.at(-1)!.from > from) credits.pop();
      credits.push({ from, end: at + 1 });
    }
  }
  let [kept, after] = ['', 0];
  for (const { from, end } of credits) {
    kept += text.slice(after, from);
    after = end;
  }
  return kept + text.slice(after);
}
