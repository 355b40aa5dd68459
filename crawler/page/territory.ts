/**
 * Which headings and paragraphs belong to which picture. A page is divided by its tree: the largest element that holds one
 * picture and no other is that picture's own, with all the text in it: a card of a grid, a row of a list, a whole article with
 * one photograph. What stands outside belongs to the nearest picture beside it, and to none where the nearest is a group of them
 * or where two are as near. So no picture gets the words of its neighbour.
 */

import type { AnyNode, Element } from 'domhandler';
import { type ImageCandidate, isHeading, type TextBlock } from './candidates.ts';
import { linkKey, viewsOfOneThing } from './views.ts';
import { isElement } from './walk.ts';

/** The texts around one picture, in document order. */
export interface Territory {
  /** Headings and paragraphs inside the element that is the picture's own. */
  readonly own: readonly TextBlock[];
  /** Headings and paragraphs beside it, nearer to it than to any other picture. */
  readonly beside: readonly TextBlock[];
  /** Links inside the element that is the picture's own, the first ones to each page, by what they have in common (`linkKey`). */
  readonly links: ReadonlyMap<string, readonly Element[]>;
}

/** A page divided among its pictures. */
export interface Division {
  readonly territoryOf: (picture: ImageCandidate) => Territory;
  /** The element that is the picture's own; null where that is the whole page. */
  readonly cardOf: (picture: ImageCandidate) => Element | null;
  /** How many pictures that one element shares with it without a word: twins for light and dark screens, a gallery. */
  readonly viewsOf: (picture: ImageCandidate) => number;
  /** Whether that element is one of several alike with a picture each: cards of a grid, rows, entries of a list. */
  readonly isRepeated: (picture: ImageCandidate) => boolean;
}

/** Siblings of a text that are searched for a picture, to each side. Ours: a section of an article has fewer paragraphs. */
const maxSiblings = 30;

/** What a text finds on its way up. `owner` is null where no picture can claim it. */
interface Claim {
  readonly owner: ImageCandidate | null;
  readonly isOwn: boolean;
}

const nobody: Claim = { owner: null, isOwn: false };

const emptyTerritory: Territory = { own: [], beside: [], links: new Map() };

/** Links of one card to one page. Ours: a picture, a title, a text and a button. */
const maxLinksToPage = 10;

/**
 * Divides a page. `pictures` are its images without icons and the like, which divide nothing; `blocks` its headings, paragraphs
 * and links, in document order. Takes time in proportion to the page.
 */
export function divide(pictures: readonly ImageCandidate[], blocks: readonly TextBlock[]): Division {
  const groups = groupPictures(pictures);
  const claims = new Map<AnyNode, { heading: Claim; paragraph: Claim }>();
  const territories = new Map<
    ImageCandidate,
    { own: TextBlock[]; beside: TextBlock[]; links: Map<string, Element[]> }
  >();
  for (const block of blocks) {
    const { heading, paragraph } = claimFor(block.element, groups, claims);
    const { owner, isOwn } = block.kind === 'heading' ? heading : paragraph;
    if (owner === null || (block.kind === 'link' && !isOwn)) continue;
    let territory = territories.get(owner);
    if (!territory) {
      territory = { own: [], beside: [], links: new Map() };
      territories.set(owner, territory);
    }
    if (block.kind === 'link') addLink(territory.links, block.element);
    else territory[isOwn ? 'own' : 'beside'].push(block);
  }
  // A copy of a picture, for scripts that are off or for small screens, shares what the first one has.
  const firstOf = (picture: ImageCandidate): ImageCandidate => groups.firstOf.get(picture) ?? picture;
  return {
    territoryOf: (picture) => territories.get(firstOf(picture)) ?? emptyTerritory,
    cardOf: (picture) => cardOf(firstOf(picture), groups.below),
    viewsOf: (picture) => groups.views.get(firstOf(picture))?.size ?? 1,
    isRepeated: (picture) => isRepeated(cardOf(firstOf(picture), groups.below), groups),
  };
}

function addLink(links: Map<string, Element[]>, link: Element): void {
  const key = linkKey(link);
  const same = links.get(key);
  if (key === '' || (same && same.length >= maxLinksToPage)) return;
  if (same) same.push(link);
  else links.set(key, [link]);
}

function isRepeated(card: Element | null, { below, flatLists, alike }: Groups): boolean {
  const parent = card?.parent;
  if (!card || !parent) return false;
  if (flatLists.get(parent as Element)?.has(card)) return true;
  let counts = alike.get(parent);
  if (!counts) {
    counts = new Map();
    for (const child of parent.children)
      if (isElement(child) && below.has(child)) counts.set(kindOf(child), (counts.get(kindOf(child)) ?? 0) + 1);
    alike.set(parent, counts);
  }
  return (counts.get(kindOf(card)) ?? 0) > 1;
}

/** The name of an element and its first class: others may say its number or state. */
const kindOf = ({ name, attribs }: Element): string => `${name}.${/\S+/.exec(attribs.class ?? '')?.[0] ?? ''}`;

/** Ancestors of a picture among which its card is searched. */
const maxCardAncestors = 30;

function cardOf(picture: ImageCandidate, below: Groups['below']): Element | null {
  let card: Element | null = null;
  let node: AnyNode | null = picture.element;
  for (let step = 0; node && step < maxCardAncestors && below.get(node) === picture; step++) {
    if (isElement(node)) card = node;
    node = node.parent;
    if (node === null) return null;
  }
  return card;
}

interface Groups {
  /** The only picture below an element, or null where there are several. */
  readonly below: ReadonlyMap<AnyNode, ImageCandidate | null>;
  readonly firstOf: ReadonlyMap<ImageCandidate, ImageCandidate>;
  /** The addresses of each group, by its first. */
  readonly views: ReadonlyMap<ImageCandidate, ReadonlySet<string>>;
  /** What was found of flat lists, by the element that holds them. */
  readonly flatLists: Map<Element, ReadonlyMap<AnyNode, ImageCandidate>>;
  /** How many elements of a kind hold a picture, by the element that holds them. */
  readonly alike: Map<AnyNode, Map<string, number>>;
}

/** Pictures that are views of one thing count as one; what is behind the others divides nothing. */
function groupPictures(pictures: readonly ImageCandidate[]): Groups {
  const firstOf = viewsOfOneThing(pictures);
  const holders = new Set<AnyNode>();
  for (const picture of pictures) {
    let { parent }: AnyNode = picture.element;
    // Each element is passed once.
    for (; parent && !holders.has(parent) && (firstOf.get(picture) ?? picture).element !== parent; { parent } = parent)
      holders.add(parent);
  }
  const below = new Map<AnyNode, ImageCandidate | null>();
  for (const picture of pictures) {
    const owner = firstOf.get(picture) ?? picture;
    if (holders.has(owner.element)) continue;
    // Each element is passed by at most twice: above one that holds several pictures, all do.
    for (let node: AnyNode | null = picture.element; node; node = node.parent) {
      const known = below.get(node);
      if (known === null || known === owner) break;
      below.set(node, known === undefined ? owner : null);
    }
  }
  const views = new Map<ImageCandidate, Set<string>>();
  for (const [picture, first] of firstOf) {
    const known = views.get(first);
    if (known) known.add(picture.url);
    else views.set(first, new Set([first.url, picture.url]));
  }
  return { below, firstOf, views, flatLists: new Map(), alike: new Map() };
}

function claimFor(
  element: Element,
  groups: Groups,
  known: Map<AnyNode, { heading: Claim; paragraph: Claim }>,
): { heading: Claim; paragraph: Claim } {
  const path: AnyNode[] = [];
  let claim = known.get(element);
  for (let node: AnyNode = element; !claim; ) {
    path.push(node);
    const only = groups.below.get(node);
    const { parent }: AnyNode = node;
    if (only) claim = both({ owner: only, isOwn: true });
    else if (only === null || !parent) claim = both(nobody);
    else if (groups.below.get(parent) === null) claim = beside(node, groups);
    else {
      node = parent;
      claim = known.get(node);
    }
  }
  for (const node of path) known.set(node, claim);
  return claim;
}

const both = (claim: Claim): { heading: Claim; paragraph: Claim } => ({ heading: claim, paragraph: claim });

/** The claim on a branch that holds no picture, among siblings of which several do. */
function beside(branch: AnyNode, groups: Groups): { heading: Claim; paragraph: Claim } {
  const { below } = groups;
  const entry = flatListOf(branch.parent as Element, groups).get(branch);
  if (entry) return both({ owner: entry, isOwn: true });
  const before = nearest(branch, 'prev', below);
  const after = nearest(branch, 'next', below);
  const toBefore = before?.distance ?? Number.POSITIVE_INFINITY;
  const toAfter = after?.distance ?? Number.POSITIVE_INFINITY;
  const claimOf = (found: Neighbour | null): Claim => ({ owner: found?.picture ?? null, isOwn: false });
  // A list that begins with a picture has a picture, its heading and its text, and the next picture.
  if (before && startsWithPicture(branch, below)) {
    const paragraph = before.isBehindHeading || toBefore < toAfter ? before : toBefore === toAfter ? null : after;
    return { heading: claimOf(toBefore <= toAfter ? before : after), paragraph: claimOf(paragraph) };
  }
  // Elsewhere a heading opens what follows it, and a paragraph stays on its side of one.
  const reachable = [before, after].filter((found) => found !== null && !found.isBehindHeading);
  const nearer =
    reachable.length === 2 ? (toBefore < toAfter ? before : toBefore > toAfter ? after : null) : reachable[0]!;
  return { heading: claimOf(toAfter <= toBefore ? after : null), paragraph: claimOf(nearer ?? null) };
}

/** Texts of an entry of a flat list, besides its heading. Ours: sections of articles have more paragraphs. */
const maxEntryTexts = 2;

/** The branches of a list without elements for its entries, each with the picture of its entry; empty for anything else. */
function flatListOf(parent: Element, { below, flatLists }: Groups): ReadonlyMap<AnyNode, ImageCandidate> {
  let list = flatLists.get(parent);
  if (!list) {
    list = readFlatList(parent, below);
    flatLists.set(parent, list);
  }
  return list;
}

/** Entries that follow each other: picture, heading and texts; heading, picture and texts; or picture and one text. */
function readFlatList(parent: Element, below: Groups['below']): ReadonlyMap<AnyNode, ImageCandidate> {
  const empty = new Map<AnyNode, ImageCandidate>();
  const branches: { readonly node: Element; readonly mark: string; readonly picture: ImageCandidate | null }[] = [];
  for (const node of parent.children) {
    if (node.type === 'text' && node.data.trim() !== '') return empty;
    if (!isElement(node) || silentBranches.has(node.name)) continue;
    const picture = below.get(node);
    if (picture === null) return empty;
    const mark = picture ? 'p' : beginsWithHeading(node) ? 'h' : 't';
    branches.push({ node, mark, picture: picture ?? null });
  }
  const marks = branches.map(({ mark }) => mark).join('');
  const found = flatListMarks.exec(marks);
  if (!found) return empty;
  const list = new Map<AnyNode, ImageCandidate>();
  const isHeadingFirst = found.groups!.headings !== undefined;
  let from = found.groups!.introduction!.length;
  while (from < marks.length) {
    let to = from + 1;
    while (to < marks.length && marks[to] !== (isHeadingFirst ? 'h' : 'p')) to += 1;
    const entry = branches.slice(from, to);
    const picture = entry.find((branch) => branch.picture !== null)?.picture;
    if (picture) for (const { node } of entry) list.set(node, picture);
    from = to;
  }
  return list;
}

const silentBranches = new Set(['script', 'style', 'br', 'hr', 'noscript', 'template', 'link', 'meta']);

/** Texts before the list may introduce it; after it nothing comes. */
const flatListMarks = new RegExp(
  `^(?<introduction>[ht]*?)(?:(?<headings>(?:hpt{0,${maxEntryTexts}}){2,})|(?:pht{0,${maxEntryTexts}}){2,}|(?<=^)(?:pt){2,})$`,
);

interface Neighbour {
  /** Null for a group of pictures. */
  readonly picture: ImageCandidate | null;
  readonly distance: number;
  readonly isBehindHeading: boolean;
}

function nearest(branch: AnyNode, direction: 'prev' | 'next', below: Groups['below']): Neighbour | null {
  let distance = 0;
  let isBehindHeading = false;
  for (let node = branch[direction]; node && distance < maxSiblings; node = node[direction]) {
    if (!isElement(node) && !(node.type === 'text' && node.data.trim() !== '')) continue;
    distance += 1;
    const picture = below.get(node);
    if (picture !== undefined) return { picture, distance, isBehindHeading };
    isBehindHeading ||= isElement(node) && beginsWithHeading(node);
  }
  return null;
}

function beginsWithHeading(element: Element): boolean {
  const first = element.children.find(isElement);
  return isHeading(element) || (first !== undefined && isHeading(first));
}

/** Whether, in the list that the branch stands in, a picture comes before any other element. */
function startsWithPicture(branch: AnyNode, below: Groups['below']): boolean {
  let node: AnyNode | null = branch.parent?.firstChild ?? null;
  while (node && !isElement(node)) node = node.next;
  return node !== null && below.get(node) !== undefined;
}
