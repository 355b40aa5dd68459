/** Captions that stand above their pictures, told during the walk. */
import type { AnyNode, Element } from 'domhandler';
import { hasImage, isElement, isImage } from './walk.ts';

/** Ancestors of an image among which the element is searched that stands beside its caption. */
export const maxImageAncestors = 8;

/** Children of an element that are looked at for the first of its pictures and captions. */
const maxChildren = 100;

/** Elements that are searched for an image, so that captions without end stay cheap. */
export const maxSearched = 100;

/** Where an element has a caption before its first picture, all its captions stand above. */
export class CaptionsAbove {
  readonly #captions = new Map<AnyNode, Element>();
  readonly #isAboveIn = new Map<Element, boolean>();

  /** Whether this caption stands above its picture, which is the next element or in it. */
  add(caption: Element): boolean {
    const { parent } = caption;
    if (!parent || !isElement(parent)) return false;
    let isAbove = this.#isAboveIn.get(parent);
    if (isAbove === undefined) {
      const before = parent.children.slice(0, maxChildren);
      isAbove = !before.slice(0, before.indexOf(caption)).some(showsImage) && before.includes(caption);
      this.#isAboveIn.set(parent, isAbove);
    }
    const next = isAbove ? nextElement(caption) : null;
    if (next === null || !showsImage(next)) return false;
    this.#captions.set(next, caption);
    return true;
  }

  /** The caption above an image; null where there is none. */
  of(image: Element): Element | null {
    if (this.#captions.size === 0) return null;
    let node: AnyNode | null = image;
    for (let step = 0; node && step < maxImageAncestors; step += 1, node = node.parent) {
      const caption = this.#captions.get(node);
      if (caption) return caption;
    }
    return null;
  }
}

const showsImage = (node: AnyNode): boolean => isElement(node) && (isImage(node) || hasImage(node, maxSearched));

/** The element just after, unless there is text between. */
function nextElement(node: Element): Element | null {
  let after = node.next;
  while (after && !isElement(after)) {
    if (after.type === 'text' && after.data.trim() !== '') return null;
    after = after.next;
  }
  return after;
}
