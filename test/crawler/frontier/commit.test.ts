/** The order in which a batch reaches the disk, and what is left of it when a step fails. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { claimUrls } from '../../../crawler/frontier/claim.ts';
import { openCommit } from '../../../crawler/frontier/commit.ts';
import { Frontier } from '../../../crawler/frontier/frontier.ts';
import type { FetchOutcome } from '../../../crawler/frontier/outcome.ts';
import type { RawStore } from '../../../dataset/ledger/raw-store.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';

const imageUrl = 'https://a.example/i.jpg';

async function setUp(t: { after: (work: () => void) => void }) {
  const corpus = temporaryCorpus();
  const frontier = Frontier.open(corpus.dir);
  t.after(() => {
    frontier.close();
    corpus.remove();
  });
  frontier.add([{ url: imageUrl, kind: 'image', depth: 0, priority: 0 }]);
  const [claim] = claimUrls({ ledger: corpus.ledger, frontier }, 1, 0);
  const bytes = await picture(1);
  const measured = {
    format: 'jpeg',
    width: 80,
    height: 60,
    frames: 1,
    sha256: 'a'.repeat(64),
    phash: '0'.repeat(16),
  };
  const image: FetchOutcome = {
    claim: claim!,
    end: 'done',
    pauseMs: 0,
    hostFailed: false,
    image: { url: imageUrl, status: 'success', fetchedAtMs: 1 },
    decoded: { bytes, measured, smaller: null },
  };
  return { corpus, frontier, image };
}

test('bytes are on the disk before the ledger names them, and the ledger before the frontier finishes the URL', async (t) => {
  const { corpus, frontier, image } = await setUp(t);
  // What another process sees is what was committed.
  const ledgerSeen = new Database(join(corpus.dir, 'ledger.db'), { readonly: true });
  const frontierSeen = new Database(join(corpus.dir, 'frontier.db'), { readonly: true });
  t.after(() => {
    ledgerSeen.close();
    frontierSeen.close();
  });
  const stored = () => ledgerSeen.prepare('SELECT count(*) FROM images WHERE segment IS NOT NULL').pluck().get();
  const states = () => frontierSeen.prepare('SELECT state FROM urls').pluck().all();
  const events: unknown[] = [];
  const raw: RawStore = {
    ...corpus.raw,
    append: (given) => {
      events.push('append');
      return corpus.raw.append(given);
    },
    sync: () => {
      corpus.raw.sync();
      events.push({ synced: true, stored: stored(), states: states() });
    },
  };
  const commit = openCommit({ ledger: corpus.ledger, raw, frontier });
  assert.equal(corpus.ledger.db.pragma('synchronous', { simple: true }), 2, 'FULL: each commit is synced');
  frontier.db.function('look', () => {
    events.push({ finishing: true, stored: stored(), states: states() });
    return null;
  });
  frontier.db.exec('CREATE TEMP TRIGGER finishing AFTER UPDATE OF state ON urls BEGIN SELECT look(); END');
  commit([image]);
  assert.deepEqual(events, [
    'append',
    { synced: true, stored: 0, states: [1] },
    { finishing: true, stored: 1, states: [1] },
  ]);
  assert.deepEqual(states(), [2]);
  commit([{ ...image, image: { ...image.image!, url: 'https://a.example/same.jpg' } }]);
  assert.equal(
    events.filter((event) => event === 'append').length,
    1,
    'the same picture is stored once, and nothing synced',
  );
  assert.equal(events.length, 4);
});

test('a frontier that cannot be written leaves the lease open, and committing again doubles nothing', async (t) => {
  const { corpus, frontier, image } = await setUp(t);
  const commit = openCommit({ ledger: corpus.ledger, raw: corpus.raw, frontier });
  frontier.db.exec(
    "CREATE TEMP TRIGGER broken BEFORE UPDATE OF state ON urls BEGIN SELECT raise(ABORT, 'no room'); END",
  );
  assert.throws(() => commit([image]), /no room/);
  assert.deepEqual(corpus.images(), { '/i.jpg': 'success' });
  assert.deepEqual(frontier.db.prepare('SELECT state FROM urls').pluck().all(), [1]);
  frontier.db.exec('DROP TRIGGER broken');
  const size = corpus.ledger.db.prepare('SELECT max(offset) FROM images').pluck().get();
  commit([image]);
  assert.deepEqual(frontier.db.prepare('SELECT state FROM urls').pluck().all(), [2]);
  assert.equal(corpus.ledger.db.prepare('SELECT max(offset) FROM images').pluck().get(), size);
});

test('a ledger that cannot be written leaves the frontier as it was', async (t) => {
  const { corpus, frontier, image } = await setUp(t);
  const commit = openCommit({ ledger: corpus.ledger, raw: corpus.raw, frontier });
  corpus.ledger.db.exec("CREATE TEMP TRIGGER broken BEFORE INSERT ON images BEGIN SELECT raise(ABORT, 'no room'); END");
  assert.throws(() => commit([image]), /no room/);
  assert.deepEqual(corpus.images(), {});
  assert.deepEqual(frontier.db.prepare('SELECT state FROM urls').pluck().all(), [1]);
});

describe('what a sitemap says of a page', () => {
  const url = 'https://a.example/';
  const shown = 'https://a.example/shown.jpg';
  const named = 'https://a.example/named.jpg';
  const sitemapTexts = [shown, named].map((imageUrl, n) => ({ pageUrl: url, imageUrl, text: `Sitemap text ${n}` }));
  const orders: { name: string; batches: ('page' | 'sitemap')[][] }[] = [
    { name: 'before it', batches: [['sitemap'], ['page']] },
    { name: 'after it', batches: [['page'], ['sitemap']] },
    { name: 'before it in the same batch', batches: [['sitemap', 'page']] },
    { name: 'after it in the same batch', batches: [['page', 'sitemap']] },
  ];
  for (const takeImages of [true, false]) {
    for (const { name, batches } of orders) {
      test(`is kept when it comes ${name}${takeImages ? ', and its images are queued' : ''}`, (t) => {
        const corpus = temporaryCorpus();
        const frontier = Frontier.open(corpus.dir);
        t.after(() => {
          frontier.close();
          corpus.remove();
        });
        frontier.add([
          { url, kind: 'page', depth: 0, priority: 1 },
          { url: 'https://a.example/s.xml', kind: 'sitemap', depth: 1, priority: 0 },
        ]);
        const [page, sitemap] = claimUrls({ ledger: corpus.ledger, frontier }, 2, 0, 2);
        const found = [{ url: shown, texts: [{ source: 'alt' as const, text: 'The text of the page' }] }];
        const outcomes: Record<'page' | 'sitemap', FetchOutcome> = {
          page: {
            claim: page!,
            end: 'done',
            pauseMs: 0,
            page: { url, status: 'fetched', fetchedAtMs: 1 },
            found,
            newUrls: takeImages ? [{ url: shown, kind: 'image', depth: 1, priority: 1000 }] : [],
          },
          sitemap: { claim: sitemap!, end: 'done', pauseMs: 0, sitemapTexts },
        };
        const commit = openCommit({ ledger: corpus.ledger, raw: corpus.raw, frontier }, { takeImages });
        for (const batch of batches) commit(batch.map((kind) => outcomes[kind]));
        assert.deepEqual(corpus.pairs(), [
          '/named.jpg | sitemap | Sitemap text 1 | /',
          '/shown.jpg | alt | The text of the page | /',
          '/shown.jpg | sitemap | Sitemap text 0 | /',
        ]);
        const queued = frontier.db.prepare('SELECT url FROM urls WHERE state = 0 ORDER BY url').pluck().all();
        assert.deepEqual(queued, takeImages ? [named, shown] : []);
      });
    }
  }
});
