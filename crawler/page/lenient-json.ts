/**
 * JSON as pages write it and search engines read it: wrapped in comments or CDATA, with line breaks in strings, comments, commas and
 * semicolons too many, several values one after the other. One pass writes it as JSON, which the engine's parser reads.
 */

/** UTF-16 units of one block that are read. Ours: the largest of 300 saved pages has 170,000. */
const maxLength = 2_000_000;

/** Values that stand one after the other in one block. */
const maxRoots = 100;

/** Objects and lists in each other. Ours; the engine's parser would take some thousands. */
const maxDepth = 200;

/** What hides a script from old browsers. */
const wrapping = /<!--|-->|\/\/\s{0,9}<!\[CDATA\[|\/\/\s{0,9}\]\]>|<!\[CDATA\[|\]\]>/y;

/** The values of a block; what cannot be read is left out. Takes time in proportion to the block. */
export function readLenientJson(block: string): unknown[] {
  if (block.length > maxLength) return [];
  const strict = parse(block);
  if (strict !== undefined) return [strict];
  return rootsOf(block)
    .map(parse)
    .filter((value) => value !== undefined);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The values of a block, each written as JSON. */
function rootsOf(block: string): string[] {
  const roots: string[] = [];
  let root: string[] = [];
  let depth = 0;
  for (let at = 0; at < block.length && roots.length < maxRoots; ) {
    const code = block[at]!;
    if (code === '"') {
      const end = endOfString(block, at);
      if (depth > 0) root.push(asString(block.slice(at + 1, end)));
      at = end + 1;
      continue;
    }
    const skipped = skip(block, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    at += 1;
    if (code === '{' || code === '[') {
      depth += 1;
      if (depth > maxDepth) return roots;
    } else if (depth === 0) continue;
    if (code === '}' || code === ']') {
      // A comma before the end.
      while (root.length > 0 && /^[\s,]$/.test(root.at(-1)!)) root.pop();
      depth -= 1;
    }
    root.push(code);
    if (depth > 0) continue;
    roots.push(root.join(''));
    root = [];
  }
  return roots;
}

/** Where a comment or a wrapping that begins here ends; `at` where none does. */
function skip(block: string, at: number): number {
  const code = block[at]!;
  if (code !== '/' && code !== '<' && code !== '-' && code !== ']') return at;
  wrapping.lastIndex = at;
  const found = wrapping.exec(block)?.[0];
  if (found !== undefined) return at + found.length;
  if (block.startsWith('//', at)) return until(block, '\n', at, 0);
  return block.startsWith('/*', at) ? until(block, '*/', at, 2) : at;
}

function until(block: string, mark: string, at: number, after: number): number {
  const end = block.indexOf(mark, at);
  return end === -1 ? block.length : end + after;
}

/** The quote that ends the string that begins at `start`. */
function endOfString(block: string, start: number): number {
  for (let at = start + 1; at < block.length; at += 1) {
    if (block[at] === '\\') at += 1;
    else if (block[at] === '"') return at;
  }
  return block.length;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped.
const controls = /[\u0000-\u001f]/g;

/** A string of JSON: control characters are written as escapes, and a backslash before any other character is none. */
const asString = (inner: string): string =>
  `"${inner.replace(/\\(u[0-9a-f]{4}|[\s\S]|$)/gi, (_, escaped: string) => (/^(?:u.|["\\/bfnrt]$)/i.test(escaped) ? `\\${escaped}` : escaped)).replace(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
