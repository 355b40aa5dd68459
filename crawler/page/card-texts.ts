/**
 * Which headings and paragraphs of a picture's territory are about it. In a card, which holds one picture and a few texts, the
 * title and the first words are; in an article a heading is when it stands beside the picture and is the page's title or shares
 * words with what is known of the picture. A paragraph of an article is about its picture too rarely to be called its text.
 * The conditions are ours, measured on saved pages (docs/benchmarks.md).
 */
import type { Element } from 'domhandler';
import { type ImageCandidate, isParagraph, levelOf, type TextBlock } from './candidates.ts';
import { isRemark } from './remarks.ts';
import { contentWords, countWords, minSharedWords, type Read, shared, sharedAt, shareWords } from './shared-words.ts';
import type { Division, Territory } from './territory.ts';
import { linkKey } from './views.ts';
import { isInline, isSilent } from './visible-text.ts';
import { isElement, isWithin } from './walk.ts';

/** A text and the element that has it. */
export interface ElementText {
  readonly element: Element;
  readonly text: string;
}

/** The texts beside a picture. */
export interface CardTexts {
  readonly title: ElementText | null;
  readonly text: ElementText | null;
  /** Of an article: near, and not surely about the picture. */
  readonly paragraph: ElementText | null;
}

/** Headings and paragraphs up to which an element with one picture is a card, and not an article. Ours. */
const maxCardBlocks = 6;

/** Pictures that stand together without a word and are views of one thing; more are a gallery, of which each shows its own. Ours. */
const maxViews = 3;

/** Paragraphs of a card whose first one is about its picture; more are a list of features or an article. Ours. */
const maxCardParagraphs = 2;

/** UTF-16 units of a title. Ours. */
const maxTitleLength = 300;

/** UTF-16 units of a card that has neither headings nor paragraphs. Ours. */
const maxBareCardLength = 200;

/** Ancestors of a picture that are looked at. */
const maxHolders = 20;

/** UTF-16 units. A longer text of a card must share words with what else is known: testimonials and bios do not. Ours. */
const maxSureLength = 300;

/** Words of a paragraph among others in a card; shorter ones are brands and badges. */
const minParagraphWords = 4;

/** Texts between a picture and the paragraph that describes it. */
const maxBetween = 2;

/** Texts of an article, to each side of a picture, among which a paragraph is searched. */
const maxNear = 3;

/** What else is known of a picture. */
export interface About {
  /** Its texts, and the name of its file last. */
  readonly known: readonly string[];
  /** The heading that is the title of the page; null where none or any of the first level may be. */
  readonly pageTitle: Element | null;
}

const isPageTitle = (element: Element, { pageTitle }: About): boolean =>
  element.name === 'h1' && (pageTitle === null || pageTitle === element);

/** False for a heading of the first level that is another one than the page's title: the name of the site. */
const isNoOtherTitle = ({ element }: TextBlock, about: About): boolean =>
  element.name !== 'h1' || isPageTitle(element, about);

const textIn = (element: Element, read: Read): ElementText => ({ element, text: read(element) });

/** The texts beside a picture; `read` gives the text of an element, and `lineOf` the first line of a link. */
export function cardTexts(
  candidate: ImageCandidate,
  division: Division,
  about: About,
  read: Read,
  lineOf: (link: Element) => Element,
): CardTexts {
  const { known } = about;
  const { own: all, beside, links } = division.territoryOf(candidate);
  if (division.viewsOf(candidate) > maxViews) return galleryTexts(candidate, all, beside, about, read);
  if (all.length > maxCardBlocks) return articleTexts(candidate, all, beside, about, read);
  const own = all.filter((block) => isNoOtherTitle(block, about));
  const isRepeated = division.isRepeated(candidate);
  const words = contentWords(known);
  const inner = own.filter((block) => !isWithin(candidate.element, block.element, maxHolders));
  const isDescribed = known.length > 1;
  const minShared = isDescribed ? (isRepeated ? 1 : minSharedWords) : 0;
  const heading = headingOf(candidate, inner, isRepeated, read);
  const isHeadingSure =
    (heading !== null && isPageTitle(heading.element, about)) || shared(words, heading?.text ?? '') >= minShared;
  const linked = linkedTitle(candidate, links, lineOf, read);
  const isLinkedSure = shared(words, linked?.text ?? '') >= minShared;
  const title = (isHeadingSure ? heading : null) ?? (isLinkedSure ? linked : null);
  let text = paragraphOf(candidate, inner, title, words, read);
  if (title === null && text === null && !isDescribed && own.length <= 1)
    text = wholeCard(division.cardOf(candidate), candidate, read);
  if (title === null && text === null && inner.length === 0)
    return articleTexts(candidate, [], beside, about, read, words);
  if (text === null) return { title, text, paragraph: null };
  const isShort = text.text.length <= maxSureLength;
  const paragraphs = inner.filter(({ kind }) => kind === 'paragraph').length;
  const isCard = title === heading && title !== null && isShort && paragraphs <= maxCardParagraphs;
  const isTextSure = isRepeated && (isDescribed ? isCard || shareWords(known, text.text) : title !== null || isShort);
  if (isTextSure) return { title, text, paragraph: null };
  return { title, text: null, paragraph: shared(words, text.text) >= minSharedWords ? text : null };
}

/** Of pictures that stand together without a word, a heading is about each only where it would be without the others. */
function galleryTexts(
  candidate: ImageCandidate,
  own: readonly TextBlock[],
  beside: readonly TextBlock[],
  about: About,
  read: Read,
): CardTexts {
  const { title } = articleTexts(candidate, own, beside, about, read);
  const isSure = title !== null && (isPageTitle(title.element, about) || shareWords(about.known, title.text));
  return { title: isSure ? title : null, text: null, paragraph: null };
}

/**
 * The heading nearest to the picture in its card: in the smallest element that has one beside the picture, the last before it. In one of
 * several cards alike that is a badge where one of a higher level stands around that element.
 */
function headingOf(
  { order, element }: ImageCandidate,
  blocks: readonly TextBlock[],
  isRepeated: boolean,
  read: Read,
): ElementText | null {
  const titles = blocks.filter((block) => block.kind === 'heading' && isTitle(read(block.element)));
  let near = titles;
  let holder = element.parent;
  for (let step = 0; titles.length > 1 && holder && isElement(holder) && step < maxHolders; step += 1) {
    const { parent }: Element = holder;
    const around = holder;
    const inside = titles.filter((title) => isWithin(title.element, around, maxHolders));
    if (inside.length > 0) {
      const highest = Math.min(...titles.map((title) => levelOf(title.element)));
      const isBadge = isRepeated && inside.every((title) => levelOf(title.element) > highest);
      near = isBadge ? titles.filter((title) => levelOf(title.element) === highest) : inside;
      break;
    }
    holder = parent;
  }
  const block = near.findLast((title) => title.order < order) ?? near[0];
  return block === undefined ? null : textIn(block.element, read);
}

const isTitle = (text: string): boolean => text !== '' && text.length <= maxTitleLength && !isRemark(text);

/** The words of the link around the picture, or of another one in its card that leads to the same page. */
function linkedTitle(
  { surroundings: { link } }: ImageCandidate,
  links: Territory['links'],
  lineOf: (link: Element) => Element,
  read: Read,
): ElementText | null {
  const same = (links.get(linkKey(link)) ?? []).filter((other) => other !== link);
  const titles = [...(link ? [link] : []), ...same]
    .map((element) => textIn(lineOf(element), read))
    .filter(({ text }) => isTitle(text));
  return titles.find(({ text }) => countWords(text) > 1) ?? titles[0] ?? null;
}

/** Elements in elements among which the first line of a link is searched. */
const maxLineDepth = 10;

/** The first element in a link or card that has text and no blocks: a link may hold a whole card, with its price. */
export function firstLine(holder: Element, read: Read): Element {
  let line = holder;
  for (let depth = 0; depth < maxLineDepth; depth++) {
    const hasOwnText = line.children.some((child) => child.type === 'text' && child.data.trim() !== '');
    const inner = line.children.filter((child): child is Element => isElement(child) && !isSilent(child.name));
    if (hasOwnText || inner.every(({ name }) => isInline(name))) return line;
    const first = inner.find((child) => read(child) !== '');
    if (!first) return line;
    line = first;
  }
  return line;
}

/** The first paragraph of a card, after its title. */
function paragraphOf(
  { order }: ImageCandidate,
  blocks: readonly TextBlock[],
  title: ElementText | null,
  words: ReadonlySet<string>,
  read: Read,
): ElementText | null {
  const minWords = blocks.length === 1 ? 1 : minParagraphWords;
  const isText = ({ kind, element }: TextBlock): boolean => {
    const text = kind === 'paragraph' ? read(element) : '';
    if (text === '' || text === title?.text || isRemark(text)) return false;
    return countWords(text) >= minWords || shared(words, text) > 0;
  };
  const after = blocks.filter((block) => block.order > order).slice(0, maxBetween);
  const before = blocks.filter((block) => block.order < order).slice(-maxBetween);
  const block = after.find(isText) ?? before.find(isText);
  return block === undefined ? null : textIn(block.element, read);
}

/** The first line that says something of a card that has neither headings nor paragraphs but the one that holds the picture. */
function wholeCard(card: Element | null, { element }: ImageCandidate, read: Read): ElementText | null {
  if (card === null || card === element || read(card).length > maxBareCardLength) return null;
  const line = firstLine(card, (inner) => (isRemark(read(inner)) ? '' : read(inner)));
  const text = read(line);
  return isRemark(text) ? null : { element: line, text };
}

/** The title that stands beside a picture of an article, and the paragraph. */
function articleTexts(
  { element, order }: ImageCandidate,
  own: readonly TextBlock[],
  beside: readonly TextBlock[],
  about: About,
  read: Read,
  words: ReadonlySet<string> = contentWords(about.known),
): CardTexts {
  const { known } = about;
  const inside = blocksAround(own, order);
  const sorted = [...inside, ...blocksAround(beside, order)]
    .filter((block) => isNoOtherTitle(block, about))
    .toSorted((a, b) => a.order - b.order);
  const before = sorted.findLast((block) => block.order < order && !isWithin(element, block.element, maxHolders));
  const after = sorted.find((block) => block.order > order);
  const isDescribed = known.length > 1;
  const isAbout = (block: TextBlock): boolean =>
    block.kind === 'heading' &&
    isTitle(read(block.element)) &&
    (isPageTitle(block.element, about) ||
      sharedAt(words, block.element, read) >= minSharedWords ||
      (!isDescribed && block === before && inside.includes(block)));
  const opener = sorted.findLast(
    (block) => block.order < order && isPageTitle(block.element, about) && isTitle(read(block.element)),
  );
  const isOpened =
    opener !== undefined && sorted.filter((block) => block.order > opener.order && block.order < order).length <= 1;
  const heading =
    [before, after].filter((block) => block !== undefined).find(isAbout) ?? (isOpened ? opener : undefined);
  const introduction = before?.kind === 'paragraph' && /[:：]$/.test(read(before.element)) ? before : undefined;
  const around = paragraphAround(element);
  const near = [
    ...sorted.filter(({ order: at }) => at > order).slice(0, maxNear),
    ...sorted
      .filter(({ order: at }) => at < order)
      .slice(-maxNear)
      .reverse(),
  ];
  const paragraph = [
    ...(introduction ? [introduction.element] : []),
    ...[
      ...(around ? [around] : []),
      ...near.filter(({ kind }) => kind === 'paragraph').map((block) => block.element),
    ].filter((block) => sharedAt(words, block, read) >= minSharedWords),
  ].find((block) => countWords(read(block)) >= minParagraphWords);
  return {
    title: heading ? textIn(heading.element, read) : null,
    text: null,
    paragraph: paragraph ? textIn(paragraph, read) : null,
  };
}

/** The blocks next to a picture, of all in document order: pictures of one thing may share thousands. */
function blocksAround(blocks: readonly TextBlock[], order: number): readonly TextBlock[] {
  let [from, end] = [0, blocks.length];
  while (from < end) {
    const middle = (from + end) >> 1;
    if (blocks[middle]!.order < order) from = middle + 1;
    else end = middle;
  }
  // Those before it may be elements that hold it.
  return blocks.slice(Math.max(0, from - maxHolders - maxNear), from + maxNear + 1);
}

/** The paragraph that an image stands in. */
function paragraphAround(element: Element): Element | null {
  let node = element.parent;
  while (node && isElement(node) && isInline(node.name)) node = node.parent;
  return node && isElement(node) && isParagraph(node) ? node : null;
}
