/** Walks a parsed page in document order, without recursion: a page may be thousands of elements deep. */
import type { AnyNode, Element } from 'domhandler';

export type Attributes = Readonly<Record<string, string>>;

export function isElement(node: AnyNode | null): node is Element {
  return node !== null && (node.type === 'tag' || node.type === 'script' || node.type === 'style');
}

export interface Visitor {
  /** Called before what is below the element is visited; false skips that. */
  readonly enter: (element: Element) => boolean;
  /** Called after `enter` and after everything below that was visited. */
  readonly leave?: (element: Element) => void;
  readonly text?: (data: string, parent: Element | null) => void;
}

/** Visits everything below `root`, which itself is not visited. */
export function walk(root: Element, visitor: Visitor): void {
  let node: AnyNode | null = root.firstChild;
  while (node) {
    let descend: Element | null = null;
    if (node.type === 'text') visitor.text?.(node.data, node.parent as Element | null);
    else if (isElement(node)) {
      if (visitor.enter(node) && node.firstChild) descend = node;
      else visitor.leave?.(node);
    }
    if (descend) {
      node = descend.firstChild;
      continue;
    }
    while (node && !node.next) {
      const parent: Element | null = node.parent as Element | null;
      if (!parent || parent === root) return;
      visitor.leave?.(parent);
      node = parent;
    }
    node = node?.next ?? null;
  }
}

/** True when there is an image among the first `maxElements` elements below `root`. */
export const hasImage = (root: Element, maxElements = 1000): boolean => holds(root, isImage, maxElements);

export const isImage = ({ name }: Element): boolean => name === 'img' || name === 'picture' || name === 'amp-img';

/** True when one of the first `maxElements` elements below `root` passes. */
export function holds(root: Element, passes: (element: Element) => boolean, maxElements = 1000): boolean {
  let found = false;
  let visited = 0;
  walk(root, {
    enter: (element) => {
      visited += 1;
      found ||= passes(element);
      return !found && visited < maxElements;
    },
  });
  return found;
}

/** Whether an element is `ancestor` or below it, looking at `maxSteps` elements from itself upwards. */
export function isWithin(element: Element, ancestor: Element, maxSteps: number): boolean {
  let node: typeof element.parent = element;
  for (let step = 0; node && step < maxSteps; step++) {
    if (node === ancestor) return true;
    node = node.parent;
  }
  return false;
}
