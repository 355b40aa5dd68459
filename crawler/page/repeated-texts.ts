/**
 * Texts that stand at many pictures of a page and say nothing of any of them: "Shop now" in each card, a description that a template
 * repeats, one heading among five slides.
 */
import type { Element } from 'domhandler';
import { minDescribingWords, wordCount } from './image-features.ts';
import { type FoundText, fileWords } from './image-texts.ts';
import { contentWords, shared, shareWords } from './shared-words.ts';

/** An image and all that was found for it. */
export interface Described {
  readonly url: string;
  readonly texts: readonly FoundText[];
}

/** Images of one page, each with a place of its own that says the same. Ours. */
const minRepeats = 3;

/**
 * Pictures that one heading may be about, but for the name of a product and where it shares a word with what else is known of each. Ours: of
 * headings at one picture 600 of 629 are right, of one at five pictures none.
 */
const maxPicturesOfHeading = 3;

/**
 * The same for a heading of the first level: a page about one thing shows it from several sides. Ours: of five more such texts without
 * this limit none is right.
 */
const maxPicturesOfTitle = 4;

/** An alternative text that is a description and no label. */
export const isDescription = ({ source, text }: FoundText): boolean =>
  source === 'alt' && wordCount(text) >= minDescribingWords;

/** For each image of a page, whether one of its texts is such a repetition. */
export function repeatedTexts(images: readonly Described[], isOfProduct: boolean): ((text: FoundText) => boolean)[] {
  const places = new Map<string, Set<Element | string>>();
  const described = new Map<string, { readonly places: Set<Element | string>; readonly titles: Set<string> }>();
  const pictures = new Map<Element, number>();
  for (const { texts } of images) {
    const descriptions = new Set(texts.filter(isDescription).map(({ text }) => text));
    // A whole description may be that of many pictures, and the title of their cards the same: a watch in several colours.
    const own = new Map(texts.filter(({ text }) => !descriptions.has(text)).map(({ text, place }) => [text, place]));
    for (const [text, place] of own) if (place) places.set(text, (places.get(text) ?? new Set()).add(place));
    for (const place of new Set(headings(texts).map((heading) => heading.place)))
      if (place && typeof place !== 'string') pictures.set(place, (pictures.get(place) ?? 0) + 1);
    for (const { text, place } of texts.filter(isDescription)) {
      const known = described.get(text) ?? { places: new Set(), titles: new Set() };
      described.set(text, known);
      if (place) known.places.add(place);
      for (const title of headings(texts)) if (!shareWords([text], title.text)) known.titles.add(title.text);
    }
  }
  const repeated = new Set([...places].filter(([, { size }]) => size >= minRepeats).map(([text]) => text));
  // The description of one card that a template gives to all.
  const misplaced = new Set(
    [...described]
      .filter(([, known]) => known.places.size >= minRepeats && known.titles.size >= minRepeats)
      .map(([text]) => text),
  );
  return images.map(({ url, texts }) => {
    const descriptions = new Set(texts.filter(isDescription).map(({ text }) => text));
    const isOfMany = ({ source, text, place }: FoundText): boolean => {
      if (isOfProduct || source !== 'heading' || place === undefined || typeof place === 'string') return false;
      if (pictures.get(place)! <= (place.name === 'h1' ? maxPicturesOfTitle : maxPicturesOfHeading)) return false;
      const others = texts.filter((other) => other.source !== 'heading').map((other) => other.text);
      return shared(contentWords([...others, fileWords(url)]), text) === 0;
    };
    return (found) =>
      (descriptions.has(found.text)
        ? misplaced.has(found.text)
        : found.place !== undefined && repeated.has(found.text)) || isOfMany(found);
  });
}

const headings = (texts: readonly FoundText[]): readonly FoundText[] =>
  texts.filter(({ source }) => source === 'heading');
