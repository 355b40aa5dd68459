/**
 * Does a page need a browser? Told from its HTML alone, and from what rendering gained on the same host before: a browser
 * costs some hundred times a parse.
 */
import type { ScriptSigns } from './script-signs.ts';

/** Less text than this, in characters, is a shell or a stub. Ours: a paragraph is rarely shorter. */
const thinTextLength = 200;

/** So many renderings without gain are enough to stop guessing about a host. */
const enoughTries = 3;

/** Strong signs are worth more tries: pages of one host differ. */
const enoughStrongTries = 12;

/** Why the page should be rendered, or null. A sign is followed while it pays on this host, a strong one for longer. */
export function needsBrowser(
  signs: ScriptSigns,
  foundImages: number,
  host: { readonly renderTries: number; readonly renderGains: number },
): string | null {
  if (signs.scripts === 0) return null;
  const pays = host.renderGains * 4 >= host.renderTries;
  if (pays || host.renderTries < enoughStrongTries) {
    if (signs.emptyRoot) return 'empty-root';
    if (signs.scriptWritesImages) return 'script-writes-images';
    if (signs.emptyFigures > 0) return 'empty-figure';
  }
  if (!pays && host.renderTries >= enoughTries) return null;
  if (signs.asksForScript && signs.mainTextLength < thinTextLength) return 'asks-for-script';
  if (foundImages > 0) return null;
  if (signs.unresolvedPlaceholders > 0) return 'placeholder-images';
  if (signs.mainTextLength < thinTextLength) return 'thin-text';
  if (signs.emptyContainers > 0) return 'empty-container';
  return null;
}
