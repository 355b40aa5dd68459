/**
 * Which headings and paragraphs of a picture's territory are about it. In a card, which holds one picture and a few texts, the
 * title and the first words are; in an article a heading is when it stands beside the picture and is the page's title or shares
 * words with what is known of the picture. A paragraph of an article is about its picture too rarely to be called its text.
 * The conditions are ours, measured on saved pages (docs/benchmarks.md).
 */
import type { Element } from 'domhandler';
import { type ImageCandidate, isParagraph, type TextBlock } from './candidates.ts';
import { isRemark } from './remarks.ts';
import { type Division, linkKey, type Territory } from './territory.ts';
import { isInline } from './visible-text.ts';
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

/** Words that a heading outside a card shares with what else is known of the picture. */
const minSharedWords = 2;

/** Reads the text of an element. */
type Read = (element: Element) => string;

const textIn = (element: Element, read: Read): ElementText => ({ element, text: read(element) });

/** The texts beside a picture. `known` is what else is known of it, the name of its file last; `read` gives the text of an element. */
export function cardTexts(
  candidate: ImageCandidate,
  division: Division,
  known: readonly string[],
  read: Read,
): CardTexts {
  const { own, beside, links } = division.territoryOf(candidate);
  if (own.length > maxCardBlocks) return articleTexts(candidate, [own, beside], known, read);
  const isRepeated = division.isRepeated(candidate);
  const words = contentWords(known);
  const inner = own.filter((block) => !isWithin(candidate.element, block.element, maxHolders));
  const heading = headingOf(candidate, inner, read);
  const isSure = isRepeated || known.length <= 1 || heading === null || shared(words, heading.text) > 0;
  const title = (isSure ? heading : null) ?? linkedTitle(candidate, links, read);
  let text = paragraphOf(candidate, inner, title, words, read);
  if (title === null && text === null && known.length <= 1 && own.length <= 1)
    text = wholeCard(division.cardOf(candidate), candidate, read);
  if (title === null && text === null && own.length === 0) return articleTexts(candidate, [beside], known, read);
  const isTextSure =
    text === null ||
    ((isRepeated || title !== null) &&
      (text.text.length <= maxSureLength || shareWords([...known, title?.text ?? ''], text.text)));
  return isTextSure ? { title, text, paragraph: null } : { title, text: null, paragraph: text };
}

/** The heading nearest to the picture in its card. */
function headingOf({ order }: ImageCandidate, blocks: readonly TextBlock[], read: Read): ElementText | null {
  const titles = blocks.filter(({ kind, element }) => kind === 'heading' && isTitle(read(element)));
  const block = titles.findLast((title) => title.order < order) ?? titles[0];
  return block === undefined ? null : textIn(block.element, read);
}

const isTitle = (text: string): boolean => text !== '' && text.length <= maxTitleLength && !isRemark(text);

/** The words of the link around the picture, or of another one in its card that leads to the same page. */
function linkedTitle(
  { surroundings: { link } }: ImageCandidate,
  links: Territory['links'],
  read: Read,
): ElementText | null {
  const same = (links.get(linkKey(link)) ?? []).filter((other) => other !== link);
  const titles = [...same, ...(link ? [link] : [])]
    .map((element) => textIn(firstLine(element, read), read))
    .filter(({ text }) => isTitle(text));
  return titles.find(({ text }) => countWords(text) > 1) ?? titles[0] ?? null;
}

/** Elements in elements among which the first line of a link is searched. */
const maxLineDepth = 10;

/** The first element in a link that has text and no blocks: a link may hold a whole card, with its price. */
function firstLine(link: Element, read: Read): Element {
  let line = link;
  for (let depth = 0; depth < maxLineDepth; depth++) {
    const hasOwnText = line.children.some((child) => child.type === 'text' && child.data.trim() !== '');
    const inner = line.children.filter(isElement);
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

/** All words of a card that has neither headings nor paragraphs but the one that holds the picture. */
function wholeCard(card: Element | null, { element }: ImageCandidate, read: Read): ElementText | null {
  if (card === null || card === element) return null;
  const text = read(card);
  return text.length <= maxBareCardLength && !isRemark(text) ? { element: card, text } : null;
}

/** The title that stands beside a picture of an article, and the paragraph. */
function articleTexts(
  { element, order }: ImageCandidate,
  blocks: readonly (readonly TextBlock[])[],
  known: readonly string[],
  read: Read,
): CardTexts {
  const sorted = blocks.flatMap((some) => blocksAround(some, order)).toSorted((a, b) => a.order - b.order);
  const before = sorted.findLast((block) => block.order < order && !isWithin(element, block.element, maxHolders));
  const after = sorted.find((block) => block.order > order);
  const words = contentWords(known);
  const neighbours = [before, after].filter((block) => block !== undefined);
  const heading = neighbours.find(
    ({ kind, element: { name }, element: block }) =>
      kind === 'heading' && isTitle(read(block)) && (name === 'h1' || shared(words, read(block)) >= minSharedWords),
  );
  const around = paragraphAround(element);
  const near = [
    ...sorted.filter(({ order: at }) => at > order).slice(0, maxNear),
    ...sorted
      .filter(({ order: at }) => at < order)
      .slice(-maxNear)
      .reverse(),
  ];
  const paragraph = [
    ...(around ? [around] : []),
    ...near.filter(({ kind }) => kind === 'paragraph').map((block) => block.element),
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

/** Words, or half of the characters where words are not divided by spaces. */
function countWords(text: string): number {
  const head = text.slice(0, 100);
  const undivided = head.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/gu)?.length ?? 0;
  return Math.floor(undivided / 2) + (head.match(/\p{L}+/gu)?.length ?? 0);
}

/** UTF-16 units of a text that are searched for a common word. */
const maxSearchedLength = 1000;

/** Letters. Shorter words are in every text. */
const minWordLength = 4;

/** Words without their endings, so that "lemons" is "lemon". Ours: the first six letters, without the s of a plural. */
const stemLength = 6;

function contentWords(texts: readonly string[]): ReadonlySet<string> {
  const words = new Set<string>();
  for (const text of texts)
    for (const [word] of text
      .slice(0, maxSearchedLength)
      .toLowerCase()
      .matchAll(/\p{L}+/gu))
      if (word.length >= minWordLength && !commonWords.has(word))
        words.add(word.replace(/s$/, '').slice(0, stemLength));
  return words;
}

/** Whether a text outside a card shares so many words with what is known of a picture that it is about it. */
export const shareWords = (known: readonly string[], text: string): boolean =>
  shared(contentWords(known), text) >= minSharedWords;

function shared(known: ReadonlySet<string>, text: string): number {
  let count = 0;
  for (const word of contentWords([text])) if (known.has(word)) count += 1;
  return count;
}

/** Words of file names and of any text. */
const commonWords = new Set(
  'image images photo photos picture pictures upload uploads media content files width height default large small medium scaled resize crop thumb thumbnail with from this that have your what when where which will their there about more most other some than them then they these into over also only very just like make made after before between because'.split(
    ' ',
  ),
);
