/**
 * When two texts are the same to the rules over a corpus. SQL's `lower()` folds ASCII alone, so the text is folded here: NFKC
 * ("ﬁ" is "fi", full-width letters are letters), then case by way of capitals ("STRASSE" is "Straße", "ΟΔΌΣ" is "οδός").
 */

/** The same letters, digits and signs, whatever their case, form and the white space between them. */
export const foldedText = (text: string): string =>
  text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim();

/**
 * Where a site counts its pictures: "1 of 12", "3/12", "#4", "(5)", and at either end "photo 6", "Bild 7:". Other numbers say
 * what is to be seen: two boats are not three, 1944 is not 1945.
 */
const counters =
  /(?<![\p{L}\p{N}.,])\d{1,4} ?(?:of|von|de|sur|di|\/) ?\d{1,4}(?![\p{L}\p{N}])|#\d{1,4}(?!\p{N})|[([]\d{1,3}[)\]]|(?<![\p{L}\p{N}])(?:photo|image|picture|pic|img|foto|bild|imagen|view|slide|thumbnail)(?: (?:no\.?|nr\.?|number))? \d{1,4}(?= ?(?:[-–—:|,.!]|$))/gu;

/** The same words: "Photo 1 of 12" is "photo 2 of 12!", as a site writes it; signs count where there are no words. */
export function alikeText(text: string): string {
  const folded = foldedText(text);
  const words = folded
    .replace(counters, (counter) => counter.replace(/\d+/g, '0'))
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, ' ')
    .trim();
  return words === '' ? folded : words;
}
