/** What is inside an error: its cause, the cause of that, and what an AggregateError holds. */

/** The error and all that are within it, each once: an error may be its own cause. */
export function causesOf(error: unknown): readonly Error[] {
  const found = new Set<Error>();
  const waiting = [error];
  while (waiting.length > 0) {
    const one = waiting.shift();
    if (!(one instanceof Error) || found.has(one)) continue;
    found.add(one);
    waiting.push(one.cause);
    if (one instanceof AggregateError) waiting.push(...one.errors);
  }
  return [...found];
}
