/**
 * What `lait view` asks of a large ledger (large-ledger.ts, judged by the `lait` preset): the median and the longest answer of each
 * question in CPU time, since what else the machine does would be measured too. For words the same through a side table with FTS5, and
 * what that takes to build.
 *
 *     node --import tsx bench/view.ts [--pairs 1000000] [--judged DIR]
 *
 * With `--judged`, the judged ledger is kept in that folder and taken from there the next time.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { corpusFacts, move, thresholds } from '../cli/view/counting.ts';
import { shownStory } from '../cli/view/story.ts';
import { browse, type PairChoice } from '../dataset/ledger/browse.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { scoredPairs } from '../dataset/ledger/scored-pairs.ts';
import { recipe } from '../filters/recipe.ts';
import { screen } from '../filters/screen.ts';
import { fillLedger } from './large-ledger.ts';

const { values: flags } = parseArgs({
  options: { pairs: { type: 'string', default: '1000000' }, judged: { type: 'string' } },
});
const folder = flags.judged ?? mkdtempSync(join(tmpdir(), 'lait-view-'));

const raw = {
  read: (): Buffer => {
    throw new Error('an image was opened');
  },
};

if (!existsSync(join(folder, 'ledger.db'))) {
  const ledger = Ledger.open(folder);
  fillLedger(ledger, Number(flags.pairs));
  await screen({ ledger, recipe: recipe(), raw });
  ledger.close();
}

console.log('| question | answers | median CPU ms | longest CPU ms |\n| --- | --- | --- | --- |');
function row(name: string, timesMs: readonly number[]): void {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const [median, longest] = [sorted[sorted.length >> 1]!, sorted.at(-1)!];
  console.log(`| ${name} | ${sorted.length} | ${median.toFixed(1)} | ${longest.toFixed(0)} |`);
}
function timed<T>(timesMs: number[], work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  timesMs.push((user + system) / 1000);
  return result;
}

const ledger = Ledger.openReadOnly(folder);

/** Asks for pages until there are 60 pairs, or no more, as the page does. */
function ask(name: string, choice: PairChoice): void {
  const timesMs: number[] = [];
  let [found, next] = [0, null as number | null];
  do {
    const page = timed(timesMs, () => browse(ledger, choice, { before: next }));
    found += page.pairs.length;
    next = page.next;
  } while (found < 60 && next !== null);
  const sum = timesMs.reduce((total, one) => total + one, 0);
  row(`${name}: ${found} found in ${sum.toFixed(0)} ms`, timesMs);
}

ask('newest pairs', {});
ask('kept', { verdict: 'kept' });
ask('a rule and a reason', { rule: 'image/blur', reason: 'blurred' });
ask('a host', { host: 'site7.example' });
ask('a host that has none', { host: 'none.example' });
ask('a language that none has', { language: 'xx' });
ask('class of place, none known', { class: 'teaser' });
ask('common words', { words: ['guitar', 'bridge'] });
ask('words that none has', { words: ['zeppelin'] });
ask('kept, in a language, with words that few have', { verdict: 'kept', language: 'en', words: ['1789', 'horse'] });

const ids = ledger.db.prepare('SELECT id FROM pairs ORDER BY id LIMIT 200').pluck().all() as string[];
const storiesMs: number[] = [];
for (const id of ids) timed(storiesMs, () => shownStory(ledger, folder, id));
row('a story', storiesMs);

const databases = folder;
const once = (name: string, work: () => unknown): void => {
  const timesMs: number[] = [];
  timed(timesMs, work);
  row(name, timesMs);
};
once('in the thread: counts of the corpus', () => corpusFacts({ databases }));
for (const [rule, judgedBy] of [
  ['image/dominant', 'pair-score'],
  ['image/flat', 'image-score'],
  ['image/blur', 'image-score'],
  ['image/size', 'shorter-side'],
] as const) {
  once(`in the thread: the numbers of ${rule}`, () => scoredPairs(ledger, rule, judgedBy));
}
thresholds({ databases });
const movesMs: number[] = [];
for (let to = 0; to < 2000; to += 40) timed(movesMs, () => move({ databases, rule: 'image/blur', to }));
row('in the thread: a threshold is moved', movesMs);

const side = join(folder, 'words.db');
rmSync(side, { force: true });
const words = new Database(side);
words.pragma('journal_mode = OFF');
words.pragma('synchronous = OFF');
words.exec(`ATTACH '${join(folder, 'ledger.db')}' AS corpus`);
words.exec(`CREATE VIRTUAL TABLE words USING fts5 (text, content = '', detail = none)`);
once('FTS5: build', () =>
  words.exec('INSERT INTO words (rowid, text) SELECT rowid, coalesce(cleaned_text, text) FROM corpus.pairs'),
);
const search = words.prepare('SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT 60');
for (const query of ['guitar bridge', 'zeppelin', '1789 horse']) {
  once(`FTS5: ${query}, ${search.all(query).length} found`, () => search.all(query));
}
words.close();
const megabytes = (path: string): string => `${(statSync(path).size / 1e6).toFixed(0)} MB`;
console.log(`\nledger ${megabytes(join(folder, 'ledger.db'))}, FTS5 ${megabytes(side)}`);
rmSync(side);
ledger.close();
if (flags.judged === undefined) rmSync(folder, { recursive: true });
