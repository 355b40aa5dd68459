/** Pairs by what they are, a page at a time, from a ledger that is opened for reading only. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  browse,
  browsedAt,
  facets,
  otherTexts,
  type PairChoice,
  pictureOfPair,
} from '../../../dataset/ledger/browse.ts';
import { funnel } from '../../../dataset/ledger/funnel.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { scoredPairs } from '../../../dataset/ledger/scored-pairs.ts';
import { pairId } from '../../../dataset/pair.ts';
import { host, hostileText, idOf, text, url, writeLookedAt } from '../../cli/view/looked-at.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-browse-'));
let ledger: Ledger;
before(async () => {
  await writeLookedAt(folder);
  ledger = Ledger.openReadOnly(folder);
});
after(() => {
  ledger.close();
  rmSync(folder, { recursive: true });
});

/** All pages of a choice. */
function all(choice: PairChoice, options: { count?: number; maxMs?: number } = {}) {
  const pages = [];
  for (let before: number | null = null; ; ) {
    const page = browse(ledger, choice, { before, ...options });
    pages.push(page.pairs);
    if (page.next === null) return { pages, pairs: pages.flat() };
    before = page.next;
  }
}

describe('browse', () => {
  it('shows every pair once, newest first, in pages of any size', () => {
    const { pairs } = all({});
    assert.equal(pairs.length, 32);
    assert.equal(new Set(pairs.map(({ id }) => id)).size, 32);
    const rows = ledger.db.prepare('SELECT id FROM pairs ORDER BY rowid DESC').pluck().all();
    assert.deepEqual(
      pairs.map(({ id }) => id),
      rows,
    );
    for (const count of [1, 5, 32, 33]) assert.deepEqual(all({}, { count }).pairs, pairs, `${count} a page`);
    assert.deepEqual(
      all({}, { count: 10 }).pages.map(({ length }) => length),
      [10, 10, 10, 2],
    );
  });

  it('chooses by each thing that is known of a pair, and by several', () => {
    const { rows, kept } = funnel(ledger);
    const dropped = (rule: string) => rows.find((row) => row.rule === rule)!.dropped;
    const cases: readonly (readonly [PairChoice, number])[] = [
      [{ verdict: 'kept' }, kept],
      [{ verdict: 'dropped' }, 32 - kept],
      [{ verdict: 'unjudged' }, 0],
      [{ rule: 'image/dominant' }, dropped('image/dominant')],
      [{ rule: 'image/blur', reason: 'blurred' }, dropped('image/blur')],
      [{ rule: 'image/blur', reason: 'irrelevant' }, 0],
      [{ verdict: 'kept', rule: 'image/blur' }, 0],
      [{ language: 'en' }, 32 - dropped('image/dominant')],
      [{ language: '' }, dropped('image/dominant')],
      [{ language: 'de' }, 0],
      [{ host }, 32],
      [{ host: 'birds.example' }, 0],
      [{ host: 'birds.exampl_:8080' }, 0],
      [{ source: 'caption' }, 7],
      [{ class: 'teaser' }, 10],
      [{ class: 'teaser', source: 'caption' }, 2],
      [{ side: 200 }, 30],
      [{ side: 200, class: 'teaser', source: 'caption' }, 2],
      ...([0, 400, 800] as const).map((side) => [{ side }, 0] as const),
      [{ words: ['SEEN', 'house'] }, 7],
      [{ words: ['number 4', 'house'] }, 1],
      [{ words: ['100%'] }, 0],
      [{ words: ['<img'] }, 1],
      [{ words: [`'`] }, 1],
      [{ words: ['\\'] }, 0],
      [{ words: ['_'] }, 0],
    ];
    for (const [choice, count] of cases) assert.equal(all(choice).pairs.length, count, JSON.stringify(choice));
    assert.deepEqual(all({ verdict: 'gone' }).pairs, []);
    assert.ok(dropped('image/dominant') > 0 && dropped('image/blur') > 0 && kept > 0, 'the corpus has all kinds');
  });

  it('counts what is not on the web any more for itself, as the funnel does', () => {
    const copy = join(folder, 'with-gone');
    mkdirSync(copy);
    ledger.db.prepare('VACUUM INTO ?').run(join(copy, 'ledger.db'));
    const other = Ledger.open(copy);
    try {
      other.db.exec(`UPDATE pairs SET gone = 'page-gone' WHERE rowid % 2 = 1; UPDATE images SET reason = 'gone' WHERE id % 3 = 0;
        UPDATE pairs SET judged_by = (SELECT id FROM recipes ORDER BY judged_at_ms DESC LIMIT 1)`);
      const of = (choice: PairChoice) => browse(other, choice, { count: 100, maxMs: 60_000 }).pairs;
      const { found, gone, kept, rows } = funnel(other);
      assert.ok(gone > 16 && kept > 0 && kept < found);
      assert.equal(found + gone, 32);
      assert.equal(of({ verdict: 'gone' }).length, gone);
      assert.ok(of({ verdict: 'gone' }).every(({ verdict }) => verdict === 'gone'));
      assert.equal(of({ verdict: 'kept' }).length, kept);
      assert.equal(of({ verdict: 'dropped' }).length, found - kept);
      for (const { rule, dropped } of rows) assert.equal(of({ rule }).length, dropped, rule);
      const { entered } = rows.find(({ rule }) => rule === 'image/blur')!;
      const { scores, unscored } = scoredPairs(other, 'image/blur', 'image-score')!;
      assert.equal(scores.length + unscored.kept + unscored.dropped, entered);
    } finally {
      other.close();
    }
  });

  it('ends after its time with a place to go on from, and misses nothing', () => {
    const page = browse(ledger, { words: ['no such word'] }, { maxMs: 0 });
    assert.deepEqual(page, { pairs: [], next: null });
    assert.equal(all({ source: 'caption' }, { maxMs: 0, count: 2 }).pairs.length, 7);
  });

  it('says what a grid shows of a pair', () => {
    const pairs = new Map(all({}).pairs.map((pair) => [pair.id, pair]));
    const { pageUrl, ...kept } = pairs.get(idOf(1))!;
    assert.equal(pageUrl, `http://${host}/page-1.html`);
    assert.deepEqual(kept, {
      id: idOf(1),
      text: text(1),
      source: 'alt',
      language: 'en',
      verdict: 'kept',
      droppedBy: null,
      reason: null,
      width: 400,
      height: 320,
    });
    assert.equal(pairs.get(idOf(3))!.text, hostileText);
    const { droppedBy, reason, width } = pairs.get(idOf(24))!;
    assert.deepEqual([droppedBy, reason, width], ['image/dominant', 'unsure-subject', null]);
  });
});

describe('other questions', () => {
  it('other texts of a picture', () => {
    const other = pairId(url(4), `${text(4)}, seen from the house`);
    assert.deepEqual(
      otherTexts(ledger, idOf(4)).map(({ id }) => id),
      [other],
    );
    assert.deepEqual(
      otherTexts(ledger, other).map(({ id }) => id),
      [idOf(4)],
    );
    assert.deepEqual(otherTexts(ledger, idOf(5)), []);
  });

  it('pairs at places, one a picture', () => {
    const row = (id: string) => ledger.db.prepare('SELECT rowid FROM pairs WHERE id = ?').pluck().get(id) as number;
    const other = pairId(url(4), `${text(4)}, seen from the house`);
    const ids = [other, idOf(4), idOf(2), idOf(5)].map(row);
    assert.deepEqual(
      browsedAt(ledger, [...ids, 99_999], 9).map(({ id }) => id),
      [other, idOf(2), idOf(5)],
    );
    assert.equal(browsedAt(ledger, ids, 2).length, 2);
  });

  it('where a picture lies', () => {
    assert.equal(pictureOfPair(ledger, idOf(0))?.segment, 0);
    assert.equal(pictureOfPair(ledger, idOf(24)), null);
    assert.equal(pictureOfPair(ledger, 'no such id'), null);
  });

  it('how many pairs there are of each kind', () => {
    const { hosts, sources, languages, hasPlaces } = facets(ledger);
    assert.deepEqual(hosts, [{ value: host, count: 32 }]);
    assert.deepEqual(sources, [
      { value: 'alt', count: 25 },
      { value: 'caption', count: 7 },
    ]);
    assert.deepEqual(languages, [
      { value: 'en', count: 17 },
      { value: '', count: 15 },
    ]);
    assert.equal(hasPlaces, true);
  });
});

describe('a ledger that is open for reading only', () => {
  it('refuses to write, and sees what others have written', () => {
    assert.throws(() => ledger.recordPage({ url: 'http://a.example/', status: 'fetched', fetchedAtMs: 1 }), /readonly/);
    const writer = Ledger.open(folder);
    writer.recordPage({ url: 'http://new.example/', status: 'fetched', fetchedAtMs: 1 }, [
      { url: 'http://new.example/1.jpg', texts: [{ source: 'alt', text: 'A new bird in the garden' }] },
    ]);
    writer.close();
    assert.equal(all({ host: 'new.example', verdict: 'unjudged' }).pairs.length, 1);
  });

  it('is refused where there is no corpus, and of another version', () => {
    const empty = mkdtempSync(join(tmpdir(), 'lait-browse-'));
    try {
      assert.throws(() => Ledger.openReadOnly(empty), /Expected a crawled corpus/);
      Ledger.open(empty).close();
      for (const [change, advice] of [
        [1, 'update lait'],
        [-1, 'run `lait filter` or `lait view --edit` once'],
      ] as const) {
        const writer = Ledger.open(empty);
        const version = writer.db.pragma('user_version', { simple: true }) as number;
        writer.db.pragma(`user_version = ${version + change}`);
        assert.throws(() => Ledger.openReadOnly(empty), { name: 'UserError', message: new RegExp(advice) });
        writer.db.pragma(`user_version = ${version}`);
        writer.close();
      }
    } finally {
      rmSync(empty, { recursive: true });
    }
  });
});
