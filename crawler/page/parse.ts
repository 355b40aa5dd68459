/** HTML to a tree of elements. */
import { load } from 'cheerio/slim';
import type { Element } from 'domhandler';

/** Browsers stop nesting at 512. */
const maxDepth = 5000;

/** Characters. Shorter pages are too short to nest that deep: a tag has three characters at least. */
const minLengthToCheck = 4 * maxDepth;

/** Elements that have no end tag, or whose end tag may be left out: many of them unclosed are not nested. */
const unnested = new Set(
  'area base basefont br col embed frame hr img input link meta param source track wbr p li dt dd td th tr option optgroup tbody thead tfoot colgroup rp rt'.split(
    ' ',
  ),
);

/** The root of the page's tree, by htmlparser2: three times as fast as parse5, and as forgiving. */
export function parseHtml(html: string): Element {
  const $ = load(limitDepth(html), { xml: { xmlMode: false, decodeEntities: true } });
  return $.root()[0]! as unknown as Element;
}

/**
 * The page, cut off where it nests deeper than 5,000 elements. The parser searches its stack of open elements for each new one:
 * a page that only opens elements would take minutes.
 */
export function limitDepth(html: string): string {
  if (html.length < minLengthToCheck) return html;
  let depth = 0;
  for (let at = html.indexOf('<'); at !== -1; at = html.indexOf('<', at + 1)) {
    const code = html.charCodeAt(at + 1) | 32;
    if (code >= 97 && code <= 122) {
      const name = nameAt(html, at + 1);
      if (unnested.has(name)) continue;
      if (name === 'script' || name === 'style') {
        const end = html.indexOf(`</${name}`, at);
        if (end === -1) return html;
        at = end;
        continue;
      }
      depth += 1;
      if (depth > maxDepth) return html.slice(0, at);
    } else if (html.charCodeAt(at + 1) === 47 && depth > 0 && !unnested.has(nameAt(html, at + 2))) depth -= 1;
  }
  return html;
}

function nameAt(html: string, start: number): string {
  let end = start;
  while (end < start + 12) {
    const code = html.charCodeAt(end) | 32;
    if (!((code >= 97 && code <= 122) || (code >= 48 && code <= 57))) break;
    end += 1;
  }
  return html.slice(start, end).toLowerCase();
}
