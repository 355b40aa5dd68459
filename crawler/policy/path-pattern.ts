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

/**
 * The path and query of a URL in the form in which patterns are compared with it (RFC 9309 §2.2.2): what is percent-encoded
 * and need not be equals the character itself, what is no ASCII is UTF-8 in percent-encoding. `*` and `$`, which mean
 * something in a pattern, are encoded here, so that `%2A` and `%24` in a pattern stand for them (§2.2.3).
 */
export function comparablePath(url: string): string {
  const { pathname, search } = new URL(url);
  return comparable(pathname + search, /[*$]/);
}

/** A pattern as a site wrote it in the form in which it is compared. A `$` means the end only where it is the end. */
export function comparablePattern(pattern: string): string {
  return pattern.endsWith('$') ? `${comparable(pattern.slice(0, -1), /\$/)}$` : comparable(pattern, /\$/);
}

/** `/` and `?` part a path, so there an encoded one is another; in a query both are the same (the table of §2.2.2). */
function comparable(text: string, encode: RegExp): string {
  const query = text.indexOf('?');
  const at = query === -1 ? text.length : query;
  return oneForm(text.slice(0, at), encode, /[/?#%*$]/) + oneForm(text.slice(at), encode, /[#%*$]/);
}

function oneForm(text: string, encode: RegExp, keep: RegExp): string {
  return text.replace(/%[\da-f]{2}|[^\x21-\x7e]+|[*$]/gi, (part) => {
    if (part.length === 3 && part.startsWith('%')) {
      const character = String.fromCharCode(Number.parseInt(part.slice(1), 16));
      return /[\x21-\x7e]/.test(character) && !keep.test(character) ? character : part.toUpperCase();
    }
    return part === '*' || part === '$' ? (encode.test(part) ? percent(part) : part) : percent(part);
  });
}

const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

/** The entries whose pattern matches and is the longest that does; several when they are equally long. Patterns are in the form for comparing. */
export function mostSpecificMatches<T>(entries: readonly T[], patternOf: (entry: T) => string, url: string): T[] {
  const path = comparablePath(url);
  let best: T[] = [];
  let bestLength = -1;
  for (const entry of entries) {
    const pattern = patternOf(entry);
    if (pattern.length < bestLength || !matchesPath(pattern, path)) continue;
    if (pattern.length > bestLength) best = [];
    bestLength = pattern.length;
    best.push(entry);
  }
  return best;
}
