/**
 * Text as a page shows it, from the parsed tree: entities are decoded by the parser, whitespace is folded, characters
 * that control direction or are invisible are removed, so that a text is the same wherever it was found.
 */
import type { AnyNode, Element } from 'domhandler';

/**
 * Longest text kept with an image, in UTF-16 units. Ours: textbooks describe a chart in up to 9,000 characters; what is
 * too long to train on is for the filters to say.
 */
export const longestText = 20_000;

/**
 * C0 and C1 controls, soft hyphen, bidirectional marks and overrides (UAX #9), zero-width space, word joiner and byte
 * order mark, Unicode tags, lone surrogates. Zero-width joiners stay: Persian, Indic scripts and emoji are spelt with them.
 */
const invisible =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed.
  /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

/** Most texts have nothing to remove or to normalise, which is told in a fifth of the time. */
const beyondAscii = /[^\t\n\r\x20-\x7e]/;

/** Folds whitespace, removes what cannot be seen, normalises to NFC and cuts at a word when the text is too long. */
export function cleanText(text: string, longest = longestText): string {
  const isPlain = !beyondAscii.test(text);
  const visible = isPlain ? text : text.replace(invisible, '').normalize('NFC');
  const folded = visible.replace(/\s+/g, ' ').trim();
  if (folded.length <= longest) return folded;
  const cut = folded.lastIndexOf(' ', longest);
  return folded.slice(0, cut > longest / 2 ? cut : longest).replace(/\p{Surrogate}$/u, '');
}

const silent = new Set([
  'script',
  'style',
  'noscript',
  'template',
  'svg',
  'math',
  'select',
  'textarea',
  'iframe',
  'object',
]);
const inline = new Set(
  'a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q rp rt ruby s samp small span strike strong sub sup time tt u var wbr'.split(
    ' ',
  ),
);

/** True when an element's text is never shown as text. */
export const isSilent = (name: string): boolean => silent.has(name);

/** True when words on both sides of an element's tag touch. */
export const isInline = (name: string): boolean => inline.has(name);

/**
 * Marks that a page sets beside text and that are no part of it: links to the place itself (Sphinx, GitHub), MediaWiki's edit
 * links and reference numbers, and words for screen readers only.
 */
const beside =
  /(?:^|\s)(?:headerlink|header-?anchor|anchor-?(?:js-)?link|mw-editsection|visually-?hidden|sr-only|screen-reader-text)(?:\s|$)/;

/** Nodes looked at for one text, so that many overlapping texts of a hostile page stay cheap. */
const mostNodes = 20_000;

/** The cleaned text below a node, at most `limit` UTF-16 units; no recursion, since a page may be 100,000 deep. */
export function textOf(root: Element, limit = longestText): string {
  let text = '';
  let visited = 0;
  let node: AnyNode | null = root.firstChild;
  // Whitespace counts before it is folded.
  while (node && text.length < 4 * limit && visited < mostNodes) {
    visited += 1;
    const element: Element | null = isElement(node) ? node : null;
    if (node.type === 'text') text += node.data;
    else if (element && !inline.has(element.name)) text += ' ';
    if (element?.firstChild && !silent.has(element.name) && !isBeside(element)) {
      node = element.firstChild;
      continue;
    }
    while (node && node !== root && !node.next) {
      node = node.parent;
      if (node && node !== root && isElement(node) && !inline.has(node.name)) text += ' ';
    }
    node = node === root || !node ? null : node.next;
  }
  return cleanText(text, limit);
}

function isBeside({ name, attribs }: Element): boolean {
  const { class: classes } = attribs;
  if (classes === undefined || classes.length > 500) return false;
  return beside.test(classes) || (name === 'sup' && /(?:^|\s)reference(?:\s|$)/.test(classes));
}

export function isElement(node: AnyNode | null): node is Element {
  return node !== null && (node.type === 'tag' || node.type === 'script' || node.type === 'style');
}
