/**
 * The address of what is looked at, in the part after `#`: a tab, what pairs are chosen, and the pair whose story is open. So the browser's
 * own history goes back and forth, and a view can be kept as a bookmark.
 */

export const tabs = ['pairs', 'thresholds', 'crawl', 'training'];

/** By what pairs are chosen, in the order of the form. */
export const choiceKeys = ['words', 'verdict', 'rule', 'reason', 'language', 'source', 'class', 'host'];

/** @returns {{ tab: string, choice: Record<string, string>, pair: string | null }} */
export function readAddress() {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const params = new URLSearchParams(query);
  const choice = Object.fromEntries(choiceKeys.flatMap((key) => (params.has(key) ? [[key, params.get(key)]] : [])));
  return { tab: tabs.includes(path) ? path : 'pairs', choice, pair: params.get('pair') };
}

export function addressOf({ tab = 'pairs', choice = {}, pair = null }) {
  const params = new URLSearchParams(
    choiceKeys.flatMap((key) => (choice[key] === undefined ? [] : [[key, choice[key]]])),
  );
  if (pair !== null) params.set('pair', pair);
  const query = params.toString();
  return `#/${tab}${query === '' ? '' : `?${query}`}`;
}
