/**
 * Text from outside (a URL, a header, a member's name, a licence link) made harmless for the place where it is shown. One function a
 * place: a terminal, Markdown, YAML. HTML has its own templates in `cli/report/html.ts`.
 */

/** Control characters and bidirectional overrides replaced, so that no text can move the cursor or repaint the screen. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '�');

/** A file's name that can be told from all others: what `printable` replaces is written as in JSON, and then backslashes too. */
export const printablePath = (path: string): string =>
  path === printable(path)
    ? path
    : path
        .replaceAll('\\', '\\\\')
        .replaceAll('\n', '\\n')
        .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) =>
          [...Array(character.length).keys()].map((at) => unicodeEscape(character.charCodeAt(at))).join(''),
        );

const unicodeEscape = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`;

/** As `printable`, for text whose line ends are our own. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** Halves of a surrogate pair are no text in UTF-8. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '�');

const oneLine = (text: string): string => wellFormed(printable(text.replace(/\s+/g, ' ')));

/** Markdown that shows this text and does nothing: no picture, link, HTML or heading. One line; a table escapes its own bars. */
export const markdownText = (text: string): string =>
  oneLine(text)
    .replace(/[\\`*_{}[\]()<>#!~&$]/g, (character) => (character === '<' ? '&lt;' : `\\${character}`))
    .replace(/^([-+=]|\d+[.)])/, '\\$1');

/**
 * The text as Markdown code, in which not even a URL becomes a link. One line. A bar is shown as a broken one: in a table's cell no
 * code can hold a backslash and a bar.
 */
export function markdownCode(text: string): string {
  const shown = oneLine(text).replaceAll('|', '¦');
  const runs = shown.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + runs.reduce((longest, run) => Math.max(longest, run.length), 0));
  const space = runs.length > 0 || shown.trim() === '' ? ' ' : '';
  return `${fence}${space}${shown}${space}${fence}`;
}

/** A YAML scalar that is this text and nothing else, for YAML 1.1 (PyYAML) and 1.2 alike. */
export function yamlText(text: string): string {
  const isPlain = /^[a-z][\w.+-]*$/i.test(text) && !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(text);
  if (isPlain) return text;
  // JSON is YAML, but for what YAML calls not printable.
  return JSON.stringify(wellFormed(text)).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (character) =>
    unicodeEscape(character.charCodeAt(0)),
  );
}

/** A cell of a CSV table that no spreadsheet takes for a formula. One line. */
export function csvCell(text: string): string {
  const shown = oneLine(text);
  const safe = /^[=+@-]/.test(shown) ? `'${shown}` : shown;
  return /[",]/.test(safe) || safe !== shown ? `"${safe.replaceAll('"', '""')}"` : safe;
}
