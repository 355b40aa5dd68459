/**
 * The address of what is looked at, in the part after `#`: a tab, what pairs are chosen, and the pair whose story is open. So the browser's
 * own history goes back and forth, and a view can be kept as a bookmark.
 */

export const tabs = ['pairs', 'search', 'thresholds', 'labels', 'takedown', 'crawl', 'training'];

/** By what pairs are chosen, in the order of the form. */
export const choiceKeys = ['words', 'verdict', 'rule', 'reason', 'language', 'source', 'class', 'side', 'host'];

/** By what the pairs to label are drawn. */
const sampleKeys = ['seed', 'each'];

/** What is searched by meaning: words or the picture of a pair, and what is to be found. */
const searchKeys = ['meaning', 'like', 'find'];

/** What is to be taken down. */
const takedownKeys = ['what'];

/** The run that is asked about held-out pairs, and from which pair on. */
const askedKeys = ['run', 'from'];

/** @returns {{ tab: string, choice: Record<string, string>, sample: Record<string, string>, search: Record<string, string>, takedown: Record<string, string>, asked: Record<string, string>, pair: string | null }} */
export function readAddress() {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const params = new URLSearchParams(query);
  const given = (keys) => Object.fromEntries(keys.flatMap((key) => (params.has(key) ? [[key, params.get(key)]] : [])));
  const tab = tabs.includes(path) ? path : 'pairs';
  return {
    tab,
    choice: given(choiceKeys),
    sample: given(sampleKeys),
    search: given(searchKeys),
    takedown: given(takedownKeys),
    asked: given(askedKeys),
    pair: params.get('pair'),
  };
}

export function addressOf({
  tab = 'pairs',
  choice = {},
  sample = {},
  search = {},
  takedown = {},
  asked = {},
  pair = null,
}) {
  const given = (keys, values) => keys.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]]));
  const params = new URLSearchParams([
    ...given(choiceKeys, choice),
    ...given(sampleKeys, sample),
    ...given(searchKeys, search),
    ...given(takedownKeys, takedown),
    ...given(askedKeys, asked),
  ]);
  if (pair !== null) params.set('pair', pair);
  const query = params.toString();
  return `#/${tab}${query === '' ? '' : `?${query}`}`;
}
