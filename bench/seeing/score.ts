/** Compares the pictures and texts that an extractor kept of a page with the labels. */
import { jsonLdRef, normalText, type Picture } from './truth.ts';

/** A picture that an extractor kept, with the texts it kept for it. */
export interface KeptPicture {
  readonly keys: readonly string[];
  readonly texts: readonly { readonly source: string; readonly text: string }[];
  /** How surely it is of the page's subject, where the extractor says so. */
  readonly score?: number;
}

/** Kept texts; those about their picture; those about another one only. */
export interface TextCount {
  texts: number;
  right: number;
  ofOther: number;
}

/** Counts; the ratios are of sums over pages. */
export interface Score {
  /** Pictures of the subject that some text of the page is about, and those of them that were kept. */
  subject: number;
  found: number;
  /** Kept pictures that are on the page, by their class. */
  kept: number;
  keptSubject: number;
  keptTeaser: number;
  keptFurniture: number;
  /** The scores of kept pictures. */
  judged: { readonly score: number; readonly isSubject: boolean }[];
  /** Kept pictures that no element of the page shows: Open Graph, JSON-LD, linked files. */
  elsewhere: number;
  /** Kept texts of kept pictures that are subject or teaser; those about their picture; those about another one only. */
  texts: number;
  textsRight: number;
  textsOfOther: number;
  /** The same by where a text was found. */
  readonly bySource: Map<string, TextCount>;
}

export const emptyScore = (): Score => ({
  subject: 0,
  found: 0,
  kept: 0,
  keptSubject: 0,
  keptTeaser: 0,
  keptFurniture: 0,
  judged: [],
  elsewhere: 0,
  texts: 0,
  textsRight: 0,
  textsOfOther: 0,
  bySource: new Map(),
});

const rank = { subject: 2, teaser: 1, furniture: 0 } as const;

/** What was wrong, for who looks at the half that may be looked at. */
export type Fault = { readonly kind: 'missed' | 'kept' | 'text' | 'other-text'; readonly what: string };

/** Adds one page to `score`. A picture in several places has the best class of these, and the texts of all. */
export function addPage(
  score: Score,
  pictures: readonly Picture[],
  kept: readonly KeptPicture[],
  onFault: (fault: Fault) => void = () => {},
): void {
  const keptKeys = new Set(kept.flatMap(({ keys }) => keys));
  const counted = new Set<string>();
  for (const picture of pictures) {
    if (picture.class !== 'subject' || picture.texts.length === 0 || picture.urls.size === 0) continue;
    const urls = [...picture.urls];
    if (urls.some((url) => counted.has(url))) continue;
    for (const url of urls) counted.add(url);
    score.subject += 1;
    if (urls.some((url) => keptKeys.has(url))) score.found += 1;
    else onFault({ kind: 'missed', what: urls[0]! });
  }

  for (const { keys, texts, score: judged } of kept) {
    const places = pictures.filter(({ urls }) => keys.some((key) => urls.has(key)));
    if (places.length === 0) {
      score.elsewhere += 1;
      continue;
    }
    const best = places.reduce((a, b) => (rank[b.class] > rank[a.class] ? b : a)).class;
    score.kept += 1;
    if (judged !== undefined) score.judged.push({ score: judged, isSubject: best === 'subject' });
    if (best === 'subject') score.keptSubject += 1;
    else if (best === 'teaser') score.keptTeaser += 1;
    else score.keptFurniture += 1;
    if (best !== 'subject') onFault({ kind: 'kept', what: `${best} ${keys[0]}` });
    if (best === 'furniture') continue;
    const own = places.flatMap((place) => place.texts);
    for (const { source, text } of texts) {
      const count = score.bySource.get(source) ?? { texts: 0, right: 0, ofOther: 0 };
      score.bySource.set(source, count);
      score.texts += 1;
      count.texts += 1;
      if (isAmong(text, own)) {
        score.textsRight += 1;
        count.right += 1;
      } else if (pictures.some((picture) => !places.includes(picture) && isAmong(text, picture.texts))) {
        score.textsOfOther += 1;
        count.ofOther += 1;
        onFault({ kind: 'other-text', what: `${source}, ${keys[0]}: ${text.slice(0, 100)}` });
      } else onFault({ kind: 'text', what: `${source}, ${keys[0]}: ${text.slice(0, 100)}` });
    }
  }
}

/** Shorter than this, in characters, a text within another says nothing. */
const minContainedLength = 12;

/** Whether a text is one of `texts`, or so much of one that it says the same. */
export function isAmong(text: string, texts: readonly string[]): boolean {
  const normal = normalText(text);
  const ref = jsonLdRef(text);
  return texts.some(
    (known) =>
      known === normal ||
      known === ref ||
      (normal.length >= minContainedLength && known.includes(normal)) ||
      (known.length >= minContainedLength && known.length >= normal.length / 2 && normal.includes(known)),
  );
}
