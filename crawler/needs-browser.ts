/**
 * Does a page need a browser? Told from its HTML alone, and from what rendering gained on the same host before: a browser
 * costs some hundred times a parse.
 */
import type { ScriptSigns } from './extract.ts';

/** Less text than this, in characters, is a shell or a stub. Ours: a paragraph is rarely shorter. */
const thinTextLength = 200;
/** So many renderings without gain are enough to stop guessing about a host. */
const enoughTries = 3;

/** Why the page should be rendered, or null. Strong signs are always followed, weak ones while they pay on this host. */
export function needsBrowser(
  signs: ScriptSigns,
  foundImages: number,
  host: { readonly renderTries: number; readonly renderGains: number },
): string | null {
  if (signs.scripts === 0) return null;
  const pays = host.renderTries < enoughTries || host.renderGains * 4 >= host.renderTries;
  if (!pays) return null;
  if (signs.emptyRoot) return 'empty-root';
  if (signs.scriptWritesImages) return 'script-writes-images';
  if (signs.asksForScript && signs.mainTextLength < thinTextLength) return 'asks-for-script';
  if (signs.unresolvedPlaceholders > 0 && foundImages === 0) return 'placeholder-images';
  if (signs.mainTextLength < thinTextLength && foundImages === 0) return 'thin-text';
  return null;
}
