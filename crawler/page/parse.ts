/**
 * Guards the parser against pages nested so deeply that parsing takes minutes: its stack of open elements makes each new
 * element cost as much as there are open ones. Browsers stop nesting at 512; what a page says below 5,000 is cut off.
 */

const deepest = 5000;

/** Shorter pages cannot nest deep enough to matter: a tag has three characters at least. */
const worthALook = 4 * deepest;

/** Elements that have no end tag, or whose end tag may be left out, so that many unclosed ones are not a depth. */
const unnested = new Set(
  'area base basefont br col embed frame hr img input link meta param source track wbr p li dt dd td th tr option optgroup tbody thead tfoot colgroup rp rt'.split(
    ' ',
  ),
);

/** The page, cut off where it nests too deeply. */
export function limitDepth(html: string): string {
  if (html.length < worthALook) return html;
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
      if (depth > deepest) return html.slice(0, at);
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
