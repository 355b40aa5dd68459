/**
 * Path patterns of robots.txt (RFC 9309 §2.2.3), which TDMRep and AIPREF use as well: a prefix in which `*` stands for
 * anything and a `$` at the end for the end. The longest pattern that matches is the most specific.
 */

/** Whether a pattern matches a path with its query. */
export function matchesPath(pattern: string, path: string): boolean {
  const anchored = pattern.endsWith('$');
  const parts = (anchored ? pattern.slice(0, -1) : pattern).split('*');
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = index === 0 ? (path.startsWith(part) ? 0 : -1) : path.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  const last = parts.at(-1)!;
  if (!anchored || last === '') return !anchored || parts.length > 1 || at === path.length;
  return parts.length === 1 ? at === path.length : path.endsWith(last) && path.length - last.length >= at - last.length;
}

/** The entries whose pattern matches and is the longest that does; several when they are equally long. */
export function mostSpecificMatches<T>(entries: readonly T[], patternOf: (entry: T) => string, url: string): T[] {
  const { pathname, search } = new URL(url);
  const path = pathname + search;
  let best: T[] = [];
  for (const entry of entries) {
    const longer = patternOf(entry).length - (best[0] === undefined ? -1 : patternOf(best[0]).length);
    if (longer < 0 || !matchesPath(patternOf(entry), path)) continue;
    if (longer > 0) best = [];
    best.push(entry);
  }
  return best;
}
