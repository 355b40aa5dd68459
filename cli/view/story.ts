/** The story of a pair for the page: what `lait ledger explain` tells, in the same words. */
import { type PairStory, type RuleStory, storyOfPair } from '../../dataset/export/explain.ts';
import { type BrowsedPair, otherTexts } from '../../dataset/ledger/browse.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { goneWords, pageWords, placeWords, reasonWords, shardWords } from '../explain.ts';

/** A fact under a name; `url` is an address of the web that it leads to. */
export interface Fact {
  readonly name: string;
  readonly text: string;
  readonly url?: string;
}

export interface ShownStory
  extends Pick<PairStory, 'id' | 'imageUrl' | 'text' | 'source' | 'verdict' | 'droppedBy' | 'reason'> {
  /** Null where cleaning changed nothing. */
  readonly cleanedText: string | null;
  readonly hasPicture: boolean;
  readonly rules: readonly RuleStory[];
  readonly facts: readonly Fact[];
  readonly others: readonly BrowsedPair[];
}

/** Null where there is no pair with this id. */
export function shownStory(ledger: Ledger, corpusDir: string, id: string): ShownStory | null {
  const story = storyOfPair(ledger, corpusDir, id);
  if (story === null) return null;
  const { imageUrl, text, cleanedText, source, verdict, droppedBy, reason, rules, image } = story;
  return {
    ...{ id, imageUrl, text, source, verdict, droppedBy, reason, rules },
    cleanedText: cleanedText === text ? null : cleanedText,
    hasPicture: image !== null && image.segment !== null,
    facts: factsOf(story),
    others: otherTexts(ledger, id),
  };
}

function factsOf(story: PairStory): Fact[] {
  const { image, gone, licenseUrl, imageReason } = story;
  const fact = (name: string, text: string): Fact => ({ name, text });
  const address = (name: string, url: string, text = url): Fact =>
    // Only addresses of the web become links; others are shown.
    /^https?:\/\//i.test(url) ? { name, text, url } : fact(name, text);
  return [
    address('Page', story.pageUrl, story.pageTitle === '' ? story.pageUrl : `${story.pageTitle} (${story.pageUrl})`),
    fact('Visited', pageWords(story)),
    ...story.otherPages.map((url) => address('Also on', url)),
    ...story.places.map((place) => fact('Place', placeWords(place))),
    ...(gone ? [fact('Gone', `since ${gone.since}: ${goneWords[gone.why]}`)] : []),
    address('Image', story.imageUrl),
    fact('Download', `${story.imageStatus}${imageReason ? `: ${reasonWords(imageReason)}` : ''}`),
    ...(image
      ? [
          fact('File', `${image.format}, ${image.width} × ${image.height} px, ${image.byteLength} bytes`),
          fact('SHA-256', image.sha256),
        ]
      : []),
    ...(image?.stored
      ? [
          fact(
            'Stored',
            `as JPEG with a shorter side of ${image.stored.sidePx} px, quality ${image.stored.quality}, ${image.stored.byteLength} bytes`,
          ),
        ]
      : []),
    ...(licenseUrl ? [address('Licence', licenseUrl)] : []),
    ...Object.entries(story.rights.page).map(([signal, value]) => fact('Rights, page', `${signal}: ${value}`)),
    ...Object.entries(story.rights.image).map(([signal, value]) => fact('Rights, image', `${signal}: ${value}`)),
    ...story.shards.map((place) => fact('Shard', shardWords(place))),
    fact('Id', story.id),
  ];
}
