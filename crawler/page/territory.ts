/**
 * Which headings and paragraphs belong to which picture. A page is divided by its tree: the largest element that holds one
 * picture and no other is that picture's own, with all the text in it: a card of a grid, a row of a list, a whole article with
 * one photograph. What stands outside belongs to the nearest picture beside it, and to none where the nearest is a group of them
 * or where two are as near. So no picture gets the words of its neighbour.
 */
import type { AnyNode, Element } from 'domhandler';
import { type ImageCandidate, isHeading, type TextBlock } from './candidates.ts';
import { isElement } from './walk.ts';

/** The texts around one picture, in document order. */
export interface Territory {
  /** Inside the element that is the picture's own. */
  readonly own: readonly TextBlock[];
  /** Beside it, nearer to it than to any other picture. */
  readonly beside: readonly TextBlock[];
}

/** Siblings of a text that are searched for a picture, to each side. Ours: a section of an article has fewer paragraphs. */
const maxSiblings = 30;

/** What a text finds on its way up. `owner` is null where no picture can claim it. */
interface Claim {
  readonly owner: ImageCandidate | null;
  readonly isOwn: boolean;
}

const nobody: Claim = { owner: null, isOwn: false };

/**
 * Divides a page. `pictures` are its images without icons and the like, which divide nothing; `blocks` its headings and
 * paragraphs, in document order. Takes time in proportion to the page.
 */
export function divide(
  pictures: readonly ImageCandidate[],
  blocks: readonly TextBlock[],
): ReadonlyMap<ImageCandidate, Territory> {
  const groups = groupPictures(pictures);
  const claims = new Map<AnyNode, { heading: Claim; paragraph: Claim }>();
  const territories = new Map<ImageCandidate, { own: TextBlock[]; beside: TextBlock[] }>();
  for (const block of blocks) {
    const { heading, paragraph } = claimFor(block.element, groups, claims);
    const { owner, isOwn } = block.isHeading ? heading : paragraph;
    if (owner === null) continue;
    let territory = territories.get(owner);
    if (!territory) {
      territory = { own: [], beside: [] };
      territories.set(owner, territory);
    }
    territory[isOwn ? 'own' : 'beside'].push(block);
  }
  // A copy of a picture, for scripts that are off or for small screens, shares what the first one has.
  for (const picture of pictures) {
    const first = groups.firstOf.get(picture);
    const territory = first && territories.get(first);
    if (territory) territories.set(picture, territory);
  }
  return territories;
}

interface Groups {
  /** The only picture below an element, or null where there are several. */
  readonly below: ReadonlyMap<AnyNode, ImageCandidate | null>;
  readonly firstOf: ReadonlyMap<ImageCandidate, ImageCandidate>;
}

/** Each element is passed by at most twice: above one that holds several pictures, all do. */
function groupPictures(pictures: readonly ImageCandidate[]): Groups {
  const below = new Map<AnyNode, ImageCandidate | null>();
  const firstOf = new Map<ImageCandidate, ImageCandidate>();
  let last: ImageCandidate | null = null;
  for (const picture of pictures) {
    if (last !== null && last.url === picture.url) {
      firstOf.set(picture, firstOf.get(last) ?? last);
      last = picture;
      continue;
    }
    last = picture;
    for (let node: AnyNode | null = picture.element; node; node = node.parent) {
      const known = below.get(node);
      if (known === null) break;
      below.set(node, known === undefined ? picture : null);
    }
  }
  return { below, firstOf };
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
function beside(branch: AnyNode, { below }: Groups): { heading: Claim; paragraph: Claim } {
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
