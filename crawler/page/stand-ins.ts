/** Files that wait in the place of several pictures for a script to load those: what is said there is said of the others. */
import type { Element } from 'domhandler';
import type { FoundText } from './image-texts.ts';
import { isDescription } from './repeated-texts.ts';

/** The texts of one place of an image. `isShown` is false where the page only names it, in its head. */
export interface PlaceTexts {
  readonly texts: readonly FoundText[];
  readonly isShown: boolean;
}

/** Cards, each with words of its own, from which on a file stands for others. Ours. */
const minMeanings = 3;

/** All texts of an image, without those that are about the pictures it stands for. */
export function textsOfPlaces(places: readonly PlaceTexts[]): FoundText[] {
  const isStandIn = standsForMany(places);
  return places.flatMap(({ texts, isShown }) =>
    isStandIn && isShown ? texts.filter((text) => !isOfPlace(text)) : texts,
  );
}

const isOfPlace = ({ source }: FoundText): boolean => source === 'alt' || source === 'caption' || source === 'heading';

/** Whether an image has different descriptions or captions in different cards: behind other links, or below other headings. */
function standsForMany(places: readonly PlaceTexts[]): boolean {
  if (places.length < minMeanings) return false;
  const cards = new Set<Element | string>();
  const meanings = new Set<string>();
  for (const { texts, isShown } of places) {
    const card = cardOf(texts);
    const meaning = texts.find((text) => isDescription(text) || text.source === 'caption')?.text;
    if (!isShown || card === undefined || meaning === undefined) continue;
    cards.add(card);
    meanings.add(meaning);
  }
  return cards.size >= minMeanings && meanings.size >= minMeanings;
}

/** Where the link around an image leads, or else the heading of its card. */
const cardOf = (texts: readonly FoundText[]): Element | string | undefined =>
  (
    texts.find(({ source, place }) => source === 'alt' && place !== undefined) ??
    texts.find(({ source }) => source === 'heading')
  )?.place;
