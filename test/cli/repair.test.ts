/** `lait verify --repair`: a corpus with a damaged, lost or older file goes on, and loses no more than what was in the damaged places. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { verifyCorpus } from '../../cli/verify-corpus.ts';
import { crawl } from '../../crawler/crawl.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-repair-'));
after(() => rmSync(root, { recursive: true, force: true }));
let site: Site;
after(() => site.close());
const whole = join(root, 'whole');
const older = join(root, 'older');
const [pages, pictures] = [40, 10];

before(async () => {
  const routes: Record<string, string | Buffer> = { '/robots.txt': '' };
  const links = [];
  for (let page = 0; page < pages; page++) {
    const figures = [];
    for (let i = page % 4; i < pictures; i += 4) {
      figures.push(
        `<figure><img src="/${i}.jpg" width="640" height="480" alt="A boat of kind ${i} near pier ${page}"></figure>`,
      );
    }
    routes[`/${page}.html`] =
      `<title>Pier ${page}</title><article><p>${`Words about pier ${page}. `.repeat(150)}</p>${figures.join('')}</article>`;
    links.push(`<a href="/${page}.html">pier ${page}</a>`);
  }
  routes['/'] = `<title>All</title>${links.join(' ')}`;
  for (let i = 0; i < pictures; i++) routes[`/${i}.jpg`] = await picture(i, { width: 640, height: 480 });
  site = await startSite({ routes });
  await run(older, { seeds: [`${site.url}/1.html`] });
  cpSync(older, whole, { recursive: true });
  await run(whole, { seeds: [`${site.url}/`] });
});

async function run(corpusDir: string, more: { readonly seeds?: string[]; readonly recrawl?: 'due' | 'all' } = {}) {
  const ledger = Ledger.open(corpusDir);
  try {
    return await crawl(
      { corpusDir, seeds: [], allowPrivate: true, minDelayMs: 0, render: 'never', ...more },
      { ledger },
    );
  } finally {
    ledger.close();
  }
}

let copies = 0;
function copy(): string {
  copies += 1;
  const corpus = join(root, `copy-${copies}`);
  cpSync(whole, corpus, { recursive: true });
  return corpus;
}

function counts(corpus: string) {
  const ledger = Ledger.open(corpus);
  const count = (sql: string) => ledger.db.prepare(sql).pluck().get() as number;
  const result = {
    pages: count(`SELECT count(*) FROM pages WHERE url LIKE 'http%html'`),
    images: count(`SELECT count(*) FROM images WHERE status = 'success'`),
    pairs: count('SELECT count(*) FROM pairs'),
  };
  ledger.close();
  return result;
}

test('a corpus that is whole has no fault', async () => {
  assert.deepEqual(await verifyCorpus(copy(), { repair: true }), { faults: [], repairs: [] });
});

test('of a damaged ledger all is saved but what lay in the damaged place, and a crawl goes on', async () => {
  const corpus = copy();
  const path = join(corpus, 'ledger.db');
  const before = counts(corpus);
  for (const name of readdirSync(corpus)) if (name.startsWith('ledger.db-')) rmSync(join(corpus, name));
  const bytes = readFileSync(path);
  const text = bytes.indexOf('Words about pier 17');
  assert.ok(text > 0);
  bytes.fill(0xa5, Math.floor(text / 4096) * 4096, Math.floor(text / 4096) * 4096 + 4096);
  writeFileSync(path, bytes);
  const told = await verifyCorpus(corpus, { repair: false });
  assert.match(told.faults.join('\n'), /^ledger\.db: damaged, /);
  assert.ok(readFileSync(path).equals(bytes), 'it was only looked at');
  const { repairs } = await verifyCorpus(corpus, { repair: true });
  assert.match(repairs[0]!, /^ledger\.db: saved rows of .*pages \d+.*; the damaged one is .*ledger\.db\.damaged-1$/);
  assert.ok(existsSync(`${path}.damaged-1`) && !existsSync(join(corpus, '.salvage')));
  const saved = counts(corpus);
  assert.equal(saved.images, before.images);
  assert.ok(saved.pages >= before.pages - 10 && saved.pages <= before.pages, `${saved.pages} of ${before.pages}`);
  assert.deepEqual(await verifyCorpus(corpus, { repair: false }), { faults: [], repairs: [] });
  await run(corpus);
});

test('images and pairs that a damaged ledger has lost are found anew, though no page has changed', async () => {
  const corpus = copy();
  const path = join(corpus, 'ledger.db');
  const before = counts(corpus);
  const ledger = Ledger.open(corpus);
  const roots = ledger.db.prepare(`SELECT rootpage FROM sqlite_schema WHERE name IN ('images', 'pairs')`).pluck().all();
  ledger.db.pragma('wal_checkpoint(TRUNCATE)');
  ledger.close();
  const bytes = readFileSync(path);
  for (const page of roots as number[]) bytes.fill(0xa5, (page - 1) * 4096, page * 4096);
  writeFileSync(path, bytes);
  const { repairs } = await verifyCorpus(corpus, { repair: true });
  assert.match(repairs.join('\n'), /`lait crawl --recrawl all` finds anew/);
  assert.deepEqual(counts(corpus), { ...before, images: 0, pairs: 0 });
  await run(corpus, { recrawl: 'all' });
  assert.deepEqual(counts(corpus), before);
});

test('a ledger of which nothing can be read is said to be so, and stays', async () => {
  const corpus = copy();
  for (const name of readdirSync(corpus)) if (name.startsWith('ledger.db-')) rmSync(join(corpus, name));
  writeFileSync(join(corpus, 'ledger.db'), 'x'.repeat(50_000));
  await assert.rejects(
    verifyCorpus(corpus, { repair: true }),
    /^UserError: Expected rows that can be read in .*; put it back from a copy\.$/,
  );
  assert.equal(readFileSync(join(corpus, 'ledger.db'), 'utf8'), 'x'.repeat(50_000));
});

test('a ledger that is older gets back what it has lost', async () => {
  const corpus = copy();
  const before = counts(corpus);
  for (const name of ['ledger.db', 'ledger.db-wal', 'ledger.db-shm']) {
    rmSync(join(corpus, name), { force: true });
    if (existsSync(join(older, name))) cpSync(join(older, name), join(corpus, name));
  }
  assert.match(
    (await verifyCorpus(corpus, { repair: false })).faults.join(),
    /^ledger\.db: older than frontier\.db by \d+ batches$/,
  );
  await verifyCorpus(corpus, { repair: true });
  await run(corpus);
  assert.deepEqual(counts(corpus), before);
});

test('a frontier that is gone is made anew and leads on', async () => {
  const corpus = copy();
  const before = counts(corpus);
  for (const name of readdirSync(corpus)) if (name.startsWith('frontier.db')) rmSync(join(corpus, name));
  const { faults } = await verifyCorpus(corpus, { repair: true });
  assert.deepEqual(faults, ['frontier.db: missing']);
  await run(corpus, { recrawl: 'due' });
  assert.deepEqual(counts(corpus), before);
});

test('a segment that is cut gives its pairs a reason, and its pictures come again', async () => {
  const corpus = copy();
  const before = counts(corpus);
  const path = join(corpus, 'raw/000000.tar');
  truncateSync(path, Math.floor(readFileSync(path).length / 2));
  const ledger = Ledger.open(corpus);
  const funnel = await screen({ ledger, recipe: recipe({ minWords: 1, minSharpness: 1 }) });
  ledger.close();
  assert.ok(funnel.rows.some(({ reasons }) => reasons.some(({ reason }) => reason === 'raw-missing')));
  const { faults, repairs } = await verifyCorpus(corpus, { repair: true });
  assert.match(faults.join(), /^raw\/000000\.tar: ends at byte \d+, pictures lie up to byte \d+$/);
  assert.match(repairs.join('\n'), /\d pictures without bytes are to be fetched again\n\d URLs are queued again/);
  await run(corpus);
  assert.deepEqual(counts(corpus), before);
  assert.deepEqual(await verifyCorpus(corpus, { repair: false }), { faults: [], repairs: [] });
});
