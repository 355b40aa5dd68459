/** Every text of a page that may describe an image, with its source. */
import type { Element } from 'domhandler';
import type { SourcedText, TextSource } from '../../dataset/pair.ts';
import { type ImageCandidate, isParagraph } from './candidates.ts';
import { captionOf, maxCaptionLength } from './captions.ts';
import { cleanText } from './clean-text.ts';
import { isInline, textOf } from './visible-text.ts';
import { isElement } from './walk.ts';

/** UTF-16 units of a paragraph, a heading or a label. LAION drops texts above 2,000 characters. */
const maxNearbyLength = 2000;

/** Elements that one aria attribute names. */
const maxLabelIds = 10;

/** Ancestors of an image that are searched for a label: a wrapper with `role=img` may carry it. */
const maxLabelAncestors = 3;

/** Reads the texts of the images of one page. It remembers the text of each element, since images share them. */
export class ImageTexts {
  readonly #elementsById: ReadonlyMap<string, Element>;
  readonly #captionText = rememberedTexts(maxCaptionLength);
  readonly #nearbyText = rememberedTexts(maxNearbyLength);

  constructor(elementsById: ReadonlyMap<string, Element>) {
    this.#elementsById = elementsById;
  }

  /** Empty when the image has no caption. */
  caption(candidate: ImageCandidate): string {
    return captionOf(candidate, this.#captionText);
  }

  all(candidate: ImageCandidate): SourcedText[] {
    const { element, surroundings, heading, paragraphBefore, paragraphAfter } = candidate;
    const { attribs } = element;
    const link = surroundings.link?.attribs;
    const figure = surroundings.figure?.element.attribs;
    const texts: SourcedText[] = [];
    const add = (source: TextSource, raw: string | undefined): void => {
      if (raw === undefined || raw === '') return;
      const text = cleanText(raw);
      if (text !== '') texts.push({ source, text });
    };

    const caption = this.caption(candidate);
    add('alt', attribs.alt);
    add('caption', caption);
    add('caption', withoutTags(attribs['data-caption'] ?? link?.['data-caption'] ?? ''));
    add('aria', attribs['aria-label'] ?? inheritedLabel(candidate));
    add('aria', this.#textOfIds(attribs['aria-labelledby'] ?? figure?.['aria-labelledby']));
    add('aria', this.#textOfIds(attribs['aria-describedby'] ?? figure?.['aria-describedby']));
    add('title', attribs.title);
    add('title', link?.title);
    if (heading) add('heading', this.#nearbyText(heading));
    for (const paragraph of [paragraphAround(element), paragraphBefore, paragraphAfter]) {
      const text = paragraph ? this.#nearbyText(paragraph) : '';
      if (text === '' || text === caption) continue;
      add('nearby', text);
      break;
    }
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

function rememberedTexts(maxLength: number): (element: Element) => string {
  const known = new Map<Element, string>();
  return (element) => {
    let text = known.get(element);
    if (text === undefined) {
      text = textOf(element, maxLength);
      known.set(element, text);
    }
    return text;
  };
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

/** The paragraph that an image stands in. */
function paragraphAround(element: Element): Element | null {
  let node = element.parent;
  while (node && isElement(node) && isInline(node.name)) node = node.parent;
  return node && isElement(node) && isParagraph(node) ? node : null;
}

/** Lightbox scripts take HTML for a caption. */
const withoutTags = (html: string): string => html.slice(0, maxCaptionLength).replace(/<[^<>]{0,500}>/g, ' ');
