/** What is asked of the same elements by many pictures of a page. */
import type { Element } from 'domhandler';

/** The same function, which works its answer out once for each element. What it remembers goes with it. */
export function oncePerElement<T extends string | boolean | object>(
  of: (element: Element) => T,
): (element: Element) => T {
  const known = new Map<Element, T>();
  return (element) => {
    let answer = known.get(element);
    if (answer === undefined) {
      answer = of(element);
      known.set(element, answer);
    }
    return answer;
  };
}
