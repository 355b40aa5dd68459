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
import { corpusFacts, labelSample, move, thresholds } from '../cli/view/counting.ts';
import { shownStory } from '../cli/view/story.ts';
import { browse, type PairChoice } from '../dataset/ledger/browse.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { scoredPairs } from '../dataset/ledger/scored-pairs.ts';
import { openVectorSearch } from '../dataset/ledger/vector-search.ts';
import { meanOf, openVectors, putVectors, setVectorModel } from '../dataset/ledger/vector-store.ts';
import { random } from '../dataset/random.ts';
import { recipe } from '../filters/recipe.ts';
import { screen } from '../filters/screen.ts';
import { normalized } from '../model/ranking/vectors.ts';
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
once('in the thread: the pairs to label are drawn', () => labelSample({ databases, seed: 1, each: 50 }));
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

// Vectors in two thousand groups, all off to one side, as those of models are.
const size = 512;
const vectorOf = (at: number): Float32Array => {
  const [group, own] = [random(1, at % 2_000), random(2, at)];
  return normalized(
    Float32Array.from({ length: size }, () => 0.5 + group.next() + group.next() + own.next() + own.next()),
  );
};
const store = openVectors(folder);
if (setVectorModel(store, { name: 'bench', model: 'bench', size }) === 0 && meanOf(store.db, 'text') === null) {
  const put = (from: number): void => {
    const ats = Array.from({ length: 1_000 }, (_, at) => from + at);
    putVectors(store, 'text', ats.map((at) => ({ key: String(at), version: '', vector: vectorOf(at) }))); // biome-ignore format: one line
  };
  once('vectors: 1,000 of the texts are put', () => put(0));
  for (let from = 1_000; from < Number(flags.pairs); from += 1_000) put(from);
}
const byMeaning = openVectorSearch(store);
once('by meaning: the first search reads all codes', () => byMeaning.nearest('text', vectorOf(-1), 60));
const meaningMs: number[] = [];
// New ones of groups that are there, and ones that are near to nothing.
const queries = Array.from({ length: 20 }, (_, at) => vectorOf(Number(flags.pairs) + 7 * at));
const strangers = Array.from({ length: 20 }, (_, at) => vectorOf(-2 - at));
for (const query of [...queries, ...strangers]) timed(meaningMs, () => byMeaning.nearest('text', query, 60));
row('by meaning: the 60 nearest texts', meaningMs);
const bytesOfAll = new Int8Array(Number(flags.pairs) * size);
const selected = store.db.prepare('SELECT key, vector FROM vectors').raw().iterate() as Iterable<[string, Buffer]>;
const units = new Float32Array(Number(flags.pairs));
for (const [key, bytes] of selected) {
  bytesOfAll.set(bytes.subarray(4), Number(key) * size);
  units[Number(key)] = bytes.readFloatLE();
}
for (const [name, asked] of [
  ['of a group', queries],
  ['near to nothing', strangers],
] as const) {
  const exactMs: number[] = [];
  let same = 0;
  for (const query of asked.slice(0, 5)) {
    const best = timed(exactMs, () => exactly(bytesOfAll, query, 60));
    const found = new Set(byMeaning.nearest('text', query, 60).map(({ key }) => Number(key)));
    same += best.filter((at) => found.has(at)).length;
  }
  row(`the same exactly over bytes in memory, ${name}: ${((100 * same) / 300).toFixed(0)} % are found of it`, exactMs);
}
store.close();

/** The rows with the largest products with a query, by looking at each. */
function exactly(bytes: Int8Array, query: Float32Array, count: number): number[] {
  const most = query.reduce((sum, value) => Math.max(sum, Math.abs(value)), 0);
  const wanted = Int8Array.from(query, (value) => Math.round((127 * value) / most));
  const products = new Float64Array(bytes.length / size);
  for (let at = 0; at < products.length; at++) {
    let sum = 0;
    for (let place = 0; place < size; place++) sum += wanted[place]! * bytes[at * size + place]!;
    products[at] = sum * units[at]!;
  }
  const limit = products.toSorted().at(-count)!;
  return [...products.keys()].filter((at) => products[at]! >= limit);
}

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
