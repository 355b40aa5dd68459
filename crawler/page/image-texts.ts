/** Every text of a page that may describe an image, with its source. */
import type { Element } from 'domhandler';
import type { SourcedText, TextSource } from '../../dataset/pair.ts';
import { captionOf, longestCaption } from './captions.ts';
import { isParagraph } from './class-words.ts';
import { cleanText, isElement, isInline, textOf } from './clean-text.ts';
import type { ImageCandidate } from './surroundings.ts';

/** Of the text around an image this much may still be about it; LAION drops texts above 2,000 characters. */
const longestNearby = 2000;

/** An aria attribute that names more elements than this names none of them. */
const mostIds = 10;

/** Wrappers of an image that may carry its label: `role=img` around an image without one. */
const labelSteps = 3;

export interface ImageTexts {
  readonly caption: (candidate: ImageCandidate) => string;
  readonly all: (candidate: ImageCandidate) => SourcedText[];
}

/** Reads the texts of the images of one page; `ids` are its elements by id. Texts that images share are gathered once. */
export function openImageTexts(ids: ReadonlyMap<string, Element>): ImageTexts {
  const captions = new Map<Element, string>();
  const nearby = new Map<Element, string>();
  const read = (element: Element): string => {
    let text = nearby.get(element);
    if (text === undefined) {
      text = textOf(element, longestNearby);
      nearby.set(element, text);
    }
    return text;
  };
  const named = (value: string): string =>
    value
      .trim()
      .split(/\s+/, mostIds + 1)
      .slice(0, mostIds)
      .map((id) => {
        const element = ids.get(id);
        return element ? read(element) : '';
      })
      .join(' ');
  const caption = (candidate: ImageCandidate): string => captionOf(candidate, captions);

  const all = (candidate: ImageCandidate): SourcedText[] => {
    const { element, around, heading, before, after } = candidate;
    const { attribs } = element;
    const texts: SourcedText[] = [];
    const add = (source: TextSource, raw: string | undefined): void => {
      if (raw === undefined || raw === '') return;
      const clean = cleanText(raw);
      if (clean !== '') texts.push({ source, text: clean });
    };
    const captionText = caption(candidate);
    add('alt', attribs.alt);
    add('caption', captionText);
    add('caption', withoutTags(attribs['data-caption'] ?? around.link?.attribs['data-caption'] ?? ''));
    add('aria', attribs['aria-label'] ?? labelAround(candidate));
    for (const name of ['aria-labelledby', 'aria-describedby'] as const) {
      const wanted = attribs[name] ?? around.figure?.element.attribs[name];
      if (wanted) add('aria', named(wanted));
    }
    add('title', attribs.title);
    add('title', around.link?.attribs.title);
    if (heading) add('heading', read(heading));
    for (const paragraph of [paragraphOf(element), before, after]) {
      const text = paragraph ? read(paragraph) : '';
      if (text === '' || text === captionText) continue;
      add('nearby', text);
      break;
    }
    return texts;
  };
  return { caption, all };
}

/** The label of the figure, or of a wrapper that is an image to assistive technology. */
function labelAround({ element, around }: ImageCandidate): string | undefined {
  let node = element.parent;
  for (let step = 0; node && isElement(node) && step < labelSteps; step++) {
    if (node.attribs.role === 'img' || node.attribs.role === 'figure') return node.attribs['aria-label'];
    node = node.parent;
  }
  return around.figure?.element.attribs['aria-label'];
}

/** The paragraph that an image stands in. */
function paragraphOf(element: Element): Element | null {
  let node = element.parent as Element | null;
  while (node && isElement(node) && isInline(node.name)) node = node.parent as Element | null;
  return node && isElement(node) && isParagraph(node) ? node : null;
}

/** Lightbox scripts take HTML for a caption. */
const withoutTags = (html: string): string => html.slice(0, longestCaption).replace(/<[^<>]{0,500}>/g, ' ');
