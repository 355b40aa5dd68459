/** Every text of a page that may describe an image, with its source. */
import type { Element } from 'domhandler';
import type { SourcedText, TextSource } from '../../dataset/pair.ts';
import { pathOf } from '../policy/url.ts';
import type { ImageCandidate } from './candidates.ts';
import { captionOf, captionText, maxCaptionLength } from './captions.ts';
import { cardTexts, firstLine } from './card-texts.ts';
import { oncePerElement } from './once-per-element.ts';
import { isRemark, isRemarkAsCaption } from './remarks.ts';
import { shareWords } from './shared-words.ts';
import type { Division } from './territory.ts';
import { pageKey } from './views.ts';
import { textOf } from './visible-text.ts';
import { isElement } from './walk.ts';
import { describingText, isNameOfFile } from './wordless.ts';

/** UTF-16 units of a paragraph, a heading or a label. LAION drops texts above 2,000 characters. */
const maxNearbyLength = 2000;

/** Elements that one aria attribute names. */
const maxLabelIds = 10;

/** Ancestors of an image that are searched for a label: a wrapper with `role=img` may carry it. */
const maxLabelAncestors = 3;

/** A text of an image, and where the page has it: the element, or of an `alt` the page that the picture leads to. */
export interface FoundText extends SourcedText {
  readonly place?: Element | string;
}

/** What the title of a page has to do with one of its images. */
export interface Naming {
  readonly title: Element | null;
  /** The image stands above the title: it is about it where both share words. */
  readonly isAboveTitle: boolean;
  /** The image is the page's subject, and the title is its name where it has no other. */
  readonly isNamedByTitle: boolean;
}

/** Reads the texts of the images of one page. It remembers the text of each element, since images share them. */
export class ImageTexts {
  readonly #elementsById: ReadonlyMap<string, Element>;
  readonly #isSiteName: (text: string) => boolean;
  readonly #isReaderText: (text: string) => boolean;
  readonly #captionText = oncePerElement(captionText);
  readonly #nearbyText = oncePerElement((element) => textOf(element, maxNearbyLength));
  readonly #lineOf = oncePerElement((link) => firstLine(link, this.#nearbyText));

  /** `isSiteName` tells a text that is only the name of the site, `isReaderText` what a board says of its readers. */
  constructor(
    elementsById: ReadonlyMap<string, Element>,
    isSiteName: (text: string) => boolean,
    isReaderText: (text: string) => boolean,
  ) {
    this.#elementsById = elementsById;
    this.#isReaderText = isReaderText;
    this.#isSiteName = isSiteName;
  }

  /** Empty when the image has no caption. */
  caption(candidate: ImageCandidate): string {
    const caption = captionOf(candidate, this.#captionText);
    return caption === null ? '' : this.#captionText(caption);
  }

  /**
   * `division` knows which headings and paragraphs belong to this image, `naming` what the page's title has to do with it. Where it
   * looks like a logo, the name of the site is none of its texts; a heading with that name is the site's everywhere.
   */
  all(candidate: ImageCandidate, division: Division, naming: Naming, isLogo: boolean): FoundText[] {
    const { element, surroundings } = candidate;
    const { attribs } = element;
    const link = surroundings.link?.attribs;
    const figure = surroundings.figure?.element.attribs;
    const texts: FoundText[] = [];
    const add = (source: TextSource, raw: string | undefined, place?: Element | string): void => {
      if (raw === undefined || raw === '') return;
      const isOwn = source === 'alt' || source === 'title';
      const text = describingText(isOwn ? raw.replace(joint, '') : raw);
      if (isOwn && joint.test(raw) && this.#isSiteName(text)) return;
      if (text === '' || isNameOfFile(text, candidate.url) || this.#isReaderText(text)) return;
      if ((isLogo || source === 'heading') && this.#isSiteName(text)) return;
      texts.push({ source, text, ...(place ? { place } : {}) });
    };

    add('alt', attribs.alt, pageKey(surroundings.link));
    const caption = captionOf(candidate, this.#captionText);
    if (caption !== null && !isRemarkAsCaption(this.#captionText(caption)))
      add('caption', this.#captionText(caption), caption);
    add('caption', withoutTags(attribs['data-caption'] ?? link?.['data-caption'] ?? ''));
    add('aria', attribs['aria-label'] ?? inheritedLabel(candidate));
    add('aria', this.#textOfIds(attribs['aria-labelledby'] ?? figure?.['aria-labelledby']));
    add('aria', this.#textOfIds(attribs['aria-describedby'] ?? figure?.['aria-describedby']));
    add('title', attribs.title?.replace(linkLead, ''));
    add('title', link?.title?.replace(linkLead, ''));

    const said = new Set(texts.map(({ text }) => text));
    const known = [...said, fileWords(candidate.url)];
    const about = { known, pageTitle: naming.title };
    const card = cardTexts(candidate, division, about, this.#nearbyText, this.#lineOf);
    if (card.title !== null) add('heading', card.title.text, card.title.element);
    if (card.text !== null && !said.has(card.text.text)) add('nearby', card.text.text, card.text.element);
    const pageTitle = naming.title === null ? '' : this.#nearbyText(naming.title);
    const isTitled =
      (texts.length === 0 && naming.isNamedByTitle) || (naming.isAboveTitle && shareWords(known, pageTitle));
    if (isTitled && pageTitle !== '' && !isRemark(pageTitle)) add('heading', pageTitle, naming.title!);
    if (texts.length === 0 && card.paragraph !== null) add('paragraph', card.paragraph.text, card.paragraph.element);
    return texts;
  }

  /** The text of the elements that an aria attribute names. */
  #textOfIds(ids: string | undefined): string | undefined {
    if (!ids) return undefined;
    return ids
      .trim()
      .split(/\s+/, maxLabelIds)
      .map((id) => {
        const element = this.#elementsById.get(id);
        return element ? this.#nearbyText(element) : '';
      })
      .join(' ');
  }
}

/** The label of a wrapper that is an image to assistive technology, or of the figure. */
function inheritedLabel({ element, surroundings }: ImageCandidate): string | undefined {
  let node = element.parent;
  for (let step = 0; node && isElement(node) && step < maxLabelAncestors; step++) {
    if (node.attribs.role === 'img' || node.attribs.role === 'figure') return node.attribs['aria-label'];
    node = node.parent;
  }
  return surroundings.figure?.element.attribs['aria-label'];
}

/** The beginning of a template's "TITLE - SITE" where the picture had no title, and of lists. */
const joint = /^\s*[-–|] (?=\S)/;

/** What content systems write before the title of the page that a picture leads to. */
const linkLead = /^\s*(?:permanent link|permalink|link|go|continue reading|read more)(?: (?:to|about))?\s*:?\s+(?=\S)/i;

/** The words in the name of a file. */
export function fileWords(url: string): string {
  const pathname = pathOf(url);
  const name = pathname.slice(pathname.lastIndexOf('/') + 1).slice(0, 200);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Lightbox scripts take HTML for a caption. */
const withoutTags = (html: string): string => html.slice(0, maxCaptionLength).replace(/<[^<>]{0,500}>/g, ' ');
