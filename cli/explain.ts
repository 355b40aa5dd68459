/** `lait ledger explain`: the whole story of a pair, an image or a page. */
import { featureMeaning } from '../crawler/page/feature-meanings.ts';
import { meaningOf } from '../crawler/policy/reasons.ts';
import { printable } from '../dataset/escape.ts';
import { type PairStory, type RuleStory, type ShardPlace, explain as tell } from '../dataset/export/explain.ts';
import type { Gone } from '../dataset/ledger/origins.ts';
import type { Place } from '../dataset/ledger/places.ts';
import { type CorpusContext, sayWaiting } from './command.ts';
import { table } from './table.ts';

export async function explain({ corpusDir, args, signal, print }: CorpusContext): Promise<void> {
  const story = await tell({ corpusDir, what: args[0] ?? '' }, { signal, onWait: sayWaiting });
  print(story, () =>
    [
      ...story.takenDown.map(({ kind, value, note, at }) =>
        printable(`taken down at ${at} by ${kind} ${value}${note ? `: ${note}` : ''}`),
      ),
      ...story.without.map(({ kind, url, status, reason }) =>
        printable(`${kind} ${url}: ${status}${reason ? `, ${reasonWords(reason)}` : ''}`),
      ),
      ...story.pairs.map((pair) => `${pairText(pair)}\n`),
    ].join('\n'),
  );
}

function pairText(pair: PairStory): string {
  const { image } = pair;
  const rights = { ...pair.rights.page, ...pair.rights.image };
  const rows = [
    ['pair', pair.id],
    ['text', `${pair.text} (${pair.source})`],
    ['cleaned', pair.cleanedText !== null && pair.cleanedText !== pair.text ? pair.cleanedText : ''],
    ['page', `${pair.pageUrl}${pair.pageTitle ? ` "${pair.pageTitle}"` : ''}, ${pageWords(pair)}`],
    ...pair.otherPages.map((url) => ['also on', url]),
    ...pair.places.map((place) => ['picture', placeWords(place)]),
    ['gone', pair.gone ? `since ${pair.gone.since}: ${goneWords[pair.gone.why]}` : ''],
    ['image', `${pair.imageUrl}, ${pair.imageStatus}${pair.imageReason ? `: ${reasonWords(pair.imageReason)}` : ''}`],
    [
      '',
      image ? `${image.format} ${image.width}×${image.height}, ${image.byteLength} bytes, sha256 ${image.sha256}` : '',
    ],
    [
      '',
      image?.stored
        ? `stored as JPEG with a shorter side of ${image.stored.sidePx} px, quality ${image.stored.quality}, ${image.stored.byteLength} bytes`
        : '',
    ],
    ['licence', pair.licenseUrl ?? ''],
    ...Object.entries(rights).map(([signal, value]) => ['rights', `${signal}: ${value}`]),
    ['verdict', verdictWords(pair)],
    ['passed', rulesThat(pair, 'kept')],
    ['not asked', rulesThat(pair, 'not-asked')],
    ...pair.shards.map((place) => ['shard', shardWords(place)]),
  ];
  const shown = rows.filter(([, cell]) => cell !== '').map(([name = '', cell = '']) => [name, printable(cell)]);
  return table(shown, [0, 1]);
}

/** What the picture is on one page, with what speaks for the page's subject and against it, the weightiest first. */
export function placeWords({ class: pictureClass, score, features, pageUrl }: Place): string {
  const parts = Object.entries(features)
    .filter(([, [, part]]) => part !== 0)
    .sort(([, [, a]], [, [, b]]) => Math.abs(b) - Math.abs(a))
    .map(([name, [, part]]) => `${featureMeaning(name)} ${part > 0 ? '+' : '−'}${Math.abs(part)}`);
  return `${pictureClass}, ${score} for the subject of ${pageUrl}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
}

export const shardWords = ({ folder, shard, key, status, since }: ShardPlace): string =>
  `${shard}${key ? `, key ${key}` : ''}, ${status}${since === null ? '' : `, since version ${since}`} of ${folder}`;

export const goneWords: Readonly<Record<Gone, string>> = {
  'not-on-page': 'its page shows this picture with this text no more',
  'page-gone': 'its page is gone',
  'page-moved': 'its page leads to another one',
  'page-refused': 'its page now reserves its rights',
  'image-gone': 'its picture is gone',
};

function verdictWords(pair: PairStory): string {
  if (pair.verdict === 'unjudged') return 'unjudged: lait filter will judge it';
  return pair.verdict === 'kept' ? 'kept' : `dropped by ${rulesThat(pair, 'dropped')}: ${pair.reason}`;
}

/** A reason of the crawler with its meaning. */
export function reasonWords(reason: string): string {
  const meaning = meaningOf(reason);
  return meaning === null ? reason : `${reason}, ${meaning.text}`;
}

/** What became of the page at its last visit. */
export function pageWords({ pageStatus, pageReason, pageFetchedAt }: PairStory): string {
  if (pageReason === 'gone') return `gone at ${pageFetchedAt}: a later visit did not find it any more`;
  return `${pageStatus}${pageReason ? ` (${reasonWords(pageReason)})` : ''} at ${pageFetchedAt}`;
}

/** The rules that said so, with their scores. */
const rulesThat = ({ rules }: PairStory, what: RuleStory['said']): string =>
  rules
    .filter(({ said }) => said === what)
    .map(({ rule, score }) => (score === null ? rule : `${rule} (${score.toPrecision(4)})`))
    .join(', ');
