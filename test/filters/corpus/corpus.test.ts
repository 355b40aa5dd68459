import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { recordCorpusDrops } from '../../../dataset/ledger/corpus-drops.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { recipeId } from '../../../dataset/ledger/recipes.ts';
import { recordVerdicts } from '../../../dataset/ledger/verdicts.ts';
import { pairId, type TextSource } from '../../../dataset/pair.ts';
import { bestText } from '../../../filters/corpus/best-text.ts';
import { commonText } from '../../../filters/corpus/common-text.ts';
import { duplicateImage } from '../../../filters/corpus/duplicate-image.ts';
import { hostCap } from '../../../filters/corpus/host-cap.ts';
import { likelyRight } from '../../../filters/corpus/likely-right.ts';
import { relevanceShare } from '../../../filters/corpus/relevance-share.ts';
import type { CorpusFilter } from '../../../filters/filter.ts';

interface Row {
  readonly image: string;
  readonly text: string;
  readonly source?: TextSource;
  readonly page?: string;
  readonly sha256?: string;
  readonly phash?: string;
  readonly width?: number;
  readonly relevance?: number;
}

let folder: string;
let ledger: Ledger;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lait-corpus-'));
  ledger = Ledger.open(folder);
});
afterEach(() => {
  ledger.close();
  rmSync(folder, { recursive: true });
});

/** Records survivors and says which of them the rule drops: `IMAGE TEXT: REASON`. */
async function drops(rule: CorpusFilter, rows: readonly Row[]): Promise<string[]> {
  const recipe = recipeId(ledger, []);
  const names = new Map<string, string>();
  rows.forEach(({ image, text, source = 'alt', page = 'http://site.test/', ...measured }, at) => {
    const url = `http://site.test/${image}`;
    const id = pairId(url, text);
    names.set(id, `${image} ${text}`);
    ledger.recordPage({ url: page, status: 'fetched', fetchedAtMs: 1 }, [{ url, texts: [{ source, text }] }]);
    const stored = {
      format: 'jpg',
      width: measured.width ?? 400,
      height: 400,
      frames: 1,
      byteLength: 9000,
      sha256: measured.sha256 ?? image,
      phash: measured.phash ?? (0x9e3779b97f4a7c15n * BigInt(at + 1)).toString(16).slice(-16),
      segment: 0,
      offset: 512,
    };
    ledger.recordImage({ url, status: 'success', fetchedAtMs: 2, stored });
    const scores =
      measured.relevance === undefined ? [] : [{ subject: id, rule: 'match/relevance', score: measured.relevance }];
    recordVerdicts(ledger, recipe, [{ id, droppedBy: null, reason: null, scores }]);
  });
  return [...(await rule.drops(ledger))].map(({ id, reason }) => `${names.get(id)}: ${reason}`).sort();
}

describe('corpus/best-text', () => {
  it('prefers the better source while nothing is scored', async () => {
    const rows: Row[] = [
      { image: 'a', text: 'nearby words', source: 'nearby' },
      { image: 'a', text: 'alt words' },
      { image: 'b', text: 'only words', source: 'nearby' },
    ];
    assert.deepEqual(await drops(bestText(), rows), ['a nearby words: better-text']);
  });
  it('prefers the higher relevance once it is', async () => {
    const rows: Row[] = [
      { image: 'a', text: 'nearby words', source: 'nearby', relevance: 0.9 },
      { image: 'a', text: 'alt words', relevance: 0.1 },
      { image: 'a', text: 'no score', source: 'list' },
    ];
    assert.deepEqual(await drops(bestText(), rows), ['a alt words: better-text', 'a no score: better-text']);
  });
});

describe('corpus/duplicate-image', () => {
  const near = (bits: number) => (BigInt('0xf0f0f0f0f0f0f0f0') ^ ((1n << BigInt(bits)) - 1n)).toString(16);
  it('keeps the copy with the best pair, then the larger', async () => {
    const rows: Row[] = [
      { image: 'a', text: 'title words', source: 'title', sha256: 'x', phash: near(0) },
      { image: 'b', text: 'alt words', sha256: 'x', phash: near(0) },
      { image: 'c', text: 'alt words', sha256: 'y', phash: near(4), width: 300 },
      { image: 'd', text: 'alt words', sha256: 'z', phash: near(5), width: 300 },
    ];
    // d is 5 bits from b and 1 from c, but c is not kept.
    assert.deepEqual(await drops(duplicateImage(), rows), ['a title words: same-bytes', 'c alt words: near-duplicate']);
  });
  it('drops a copy with the same text only, where it is told to', async () => {
    const rows: Row[] = [
      { image: 'a', text: 'A Boat', phash: near(0) },
      { image: 'b', text: 'a boat', phash: near(0), source: 'title' },
      { image: 'c', text: 'a ship', phash: near(0) },
      { image: 'd', text: 'a boat', phash: near(1), source: 'title' },
    ];
    assert.deepEqual(await drops(duplicateImage({ maxDistanceBits: 0, sameText: true }), rows), [
      'b a boat: near-duplicate',
    ]);
    assert.deepEqual(await drops(duplicateImage({ maxDistanceBits: 1, sameText: true }), rows), [
      'b a boat: near-duplicate',
      'd a boat: near-duplicate',
    ]);
  });
  it('drops every pair of a copy', async () => {
    const rows: Row[] = [
      { image: 'a', text: 'one', sha256: 'x' },
      { image: 'a', text: 'two', sha256: 'x' },
      { image: 'b', text: 'one', sha256: 'x', source: 'title' },
      { image: 'b', text: 'three', sha256: 'x', source: 'title' },
    ];
    assert.deepEqual(await drops(duplicateImage(), rows), ['b one: same-bytes', 'b three: same-bytes']);
  });
});

describe('corpus/common-text', () => {
  const shared = (count: number, text: string): Row[] =>
    Array.from({ length: count }, (_, at) => ({ image: `${text}${at}`, text: at % 2 ? text : text.toUpperCase() }));
  it('drops all pairs of a text on more than ten images, and none on ten', async () => {
    const dropped = await drops(commonText(), [...shared(11, 'sale'), ...shared(10, 'boat')]);
    assert.equal(dropped.length, 11);
    assert.ok(dropped.every((line) => line.startsWith('sale') && line.endsWith(': too-many-images')));
  });
  for (const [what, texts, same] of [
    ['case beyond ASCII', ['ЛОДКА У МОРЯ', 'Лодка у моря'], true],
    ['a sharp s', ['GROSSE STRASSE', 'Große Straße'], true],
    ['a final sigma', ['Ο ΔΡΌΜΟΣ', 'ο δρόμος'], true],
    ['ligatures and full-width letters', ['ﬁshing boat', 'ＦＩＳＨＩＮＧ boat'], true],
    ['composition', ['Cafe\u0301 bar', 'Café bar'], true],
    ['punctuation and white space', ['A boat: for sale!', 'a  boat, for sale'], true],
    ['counters with their end', ['Photo 1 of 12', 'Photo 2 of 12', 'photo 11 of 130!'], true],
    ['counters in brackets', ['A boat (1)', 'a boat (22)'], true],
    ['counters by a sign', ['A boat #1', 'A boat #22'], true],
    ['counted views', ['A boat for sale - photo 1', 'A boat for sale, photo 12'], true],
    ['years', ['A boat in 1944', 'A boat in 1945'], false],
    ['numbers of things', ['Photo of 2 boats', 'Photo of 3 boats'], false],
    ['numbers in words', ['Boeing 737 at a gate', 'Boeing 747 at a gate'], false],
    ['accents', ['resume of boats', 'résumé of boats'], false],
    ['words', ['A boat for sale', 'A boat for rent'], false],
    ['signs, where there is nothing else', ['!!!', '???'], false],
  ] as const) {
    const rows = texts.map((text, at) => ({ image: `${at}`, text }));
    it(`${same ? 'does not tell' : 'tells'} texts apart by ${what}`, async () => {
      assert.equal((await drops(commonText({ maxImages: texts.length - 1 }), rows)).length, same ? texts.length : 0);
    });
  }
  it('tells numbers and punctuation apart where it is told to', async () => {
    const exact = commonText({ maxImages: 1, alike: false });
    const rows = ['Photo 1', 'PHOTO  1', 'Photo 2', 'Photo 1!'].map((text, at) => ({ image: `${at}`, text }));
    assert.deepEqual(await drops(exact, rows), ['0 Photo 1: too-many-images', '1 PHOTO  1: too-many-images']);
  });
  it('counts images, not addresses', async () => {
    assert.deepEqual(
      await drops(
        commonText(),
        shared(20, 'sale').map((row) => ({ ...row, sha256: 'one' })),
      ),
      [],
    );
  });
});

describe('corpus/relevance-share', () => {
  const share = (part: number) => relevanceShare({ share: part, relevance: 'match/relevance' });
  const rows: Row[] = [0.1, 0.9, 0.5, 0.7].map((relevance, at) => ({ image: `i${at}`, text: 't', relevance }));
  it('keeps the best share, rounded up, and unscored pairs last', async () => {
    assert.deepEqual(await drops(share(0.5), rows), ['i0 t: less-relevant', 'i2 t: less-relevant']);
    assert.deepEqual(await drops(share(0.51), rows), ['i0 t: less-relevant']);
    const unscored = { image: 'none', text: 't' };
    assert.deepEqual(await drops(share(0.8), [...rows, unscored]), ['none t: less-relevant']);
    assert.deepEqual(await drops(share(1), rows), []);
  });
});

describe('corpus/likely-right', () => {
  const rule = likelyRight({ relevance: 'match/relevance' });
  const rows = (chances: readonly number[]): Row[] =>
    chances.map((relevance, at) => ({ image: `i${at}`, text: 't', relevance }));
  it('drops a doubtful pair where most are wrong, keeps it where most are right, and drops what has no chance', async () => {
    const doubtful = 0.4;
    assert.deepEqual(await drops(rule, rows([doubtful, 0.02, 0.03, 0.95, 0.01])), [
      'i0 t: likely-wrong',
      'i1 t: likely-wrong',
      'i2 t: likely-wrong',
      'i4 t: likely-wrong',
    ]);
    assert.deepEqual(await drops(rule, [...rows([doubtful, 0.98, 0.97, 0.05, 0.99]), { image: 'none', text: 't' }]), [
      'i3 t: likely-wrong',
      'none t: likely-wrong',
    ]);
  });
});

describe('corpus/host-cap', () => {
  it('drops none of a host that has as many as are allowed', async () => {
    const rows: Row[] = ['a', 'b'].map((image) => ({ image, text: 'one', page: 'http://a.test/' }));
    assert.deepEqual(await drops(hostCap({ maxPairs: 2 }), rows), []);
    assert.deepEqual(await drops(hostCap({ maxPairs: 1 }), rows), ['b one: host-is-full']);
  });
  it('counts for the host of the image in a list', async () => {
    const page = 'list:boats.csv';
    const rows: Row[] = ['a', 'b'].map((image) => ({ image, text: 'one', page }));
    rows.push({ image: 'c', text: 'one', page: 'http://other.test/' });
    assert.deepEqual(await drops(hostCap({ maxPairs: 1 }), rows), ['b one: host-is-full']);
    assert.deepEqual(await drops(hostCap({ maxPairs: 2 }), rows), []);
  });
  it('keeps the best of each host', async () => {
    const rows: Row[] = [
      { image: 'a', text: 'one', page: 'http://a.test/1', relevance: 0.1 },
      { image: 'b', text: 'two', page: 'http://a.test/2', relevance: 0.3 },
      { image: 'c', text: 'three', page: 'http://a.test/3', relevance: 0.2 },
      { image: 'd', text: 'four', page: 'http://b.test/' },
    ];
    assert.deepEqual(await drops(hostCap({ maxPairs: 2 }), rows), ['a one: host-is-full']);
  });
});

describe('pairs that are not on the web any more', () => {
  const relevance = 'match/relevance';
  const scored = (...scores: readonly number[]): Row[] =>
    scores.map((score, at) => ({ image: `i${at}`, text: `text ${String.fromCharCode(97 + at)}`, relevance: score }));

  /** Which images a rule drops when those with these names are gone, half of them with their page. */
  async function dropped(rule: CorpusFilter, rows: readonly Row[], gone: readonly string[]): Promise<string[]> {
    await drops(rule, rows);
    gone.forEach((image, at) => {
      const url = `http://site.test/${image}`;
      if (at % 2 === 1) ledger.db.prepare(`UPDATE images SET reason = 'gone' WHERE url = ?`).run(url);
      else {
        ledger.db
          .prepare(`UPDATE pairs SET gone = 'page-gone' WHERE image_id = (SELECT id FROM images WHERE url = ?)`)
          .run(url);
      }
    });
    const recipe = recipeId(ledger, []);
    ledger.db.prepare('UPDATE pairs SET judged_by = ?').run(recipe);
    await recordCorpusDrops(ledger, recipe, [rule]);
    return ledger.db
      .prepare(
        'SELECT i.url FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.dropped_by IS NOT NULL ORDER BY i.url',
      )
      .pluck()
      .all()
      .map((url) => String(url).slice('http://site.test/'.length));
  }

  it('count for no share: half of what is there stays, and of what is gone half of all', async () => {
    const rule = relevanceShare({ share: 0.5, relevance });
    assert.deepEqual(await dropped(rule, scored(0.1, 0.2, 0.3, 0.4, 0.9, 0.05), ['i4', 'i5']), ['i0', 'i1', 'i5']);
  });
  it('say nothing of how many are right', async () => {
    const rows = scored(0.4, 0.02, 0.03, 0.95, 0.01, 0.99, 0.98, 0.97, 0.99, 0.98, 0.97);
    const gone = ['i5', 'i6', 'i7', 'i8', 'i9', 'i10'];
    assert.deepEqual(await dropped(likelyRight({ relevance }), rows, gone), ['i0', 'i1', 'i2', 'i4']);
  });
  it('make no text one of too many images, and are judged by it', async () => {
    const rows: Row[] = ['a', 'b', 'c'].map((image) => ({ image, text: 'one text' }));
    assert.deepEqual(await dropped(commonText({ maxImages: 2 }), rows, ['a']), ['a']);
  });
  it('lose to every pair that is there, however good they were', async () => {
    const rows: Row[] = ['a', 'b'].map((image, at) => ({ image, text: 'one text', sha256: 'same', relevance: 1 - at }));
    for (const rule of [
      duplicateImage(),
      duplicateImage({ sameText: true, maxDistanceBits: 7 }),
      hostCap({ maxPairs: 1 }),
    ]) {
      const near = rows.map((row) => ({ ...row, phash: 'f0f0f0f0f0f0f0f0' }));
      assert.deepEqual(await dropped(rule, near, ['a']), ['a'], rule.name);
    }
  });
});

describe('a rule over the whole corpus', () => {
  const rules = [
    bestText(),
    commonText({ maxImages: 1 }),
    duplicateImage(),
    hostCap({ maxPairs: 1 }),
    relevanceShare({ share: 0.5, relevance: 'match/relevance' }),
  ];
  const rows: Row[] = [
    { image: 'a', text: 'one text' },
    { image: 'a', text: 'another text' },
    { image: 'b', text: 'one text', sha256: 'a' },
    { image: 'c', text: 'one text', sha256: 'a' },
    { image: 'd', text: 'one text' },
  ];
  for (const rule of rules) {
    it(`${rule.name}: leaves no cursor open behind a reader who stops after the first drop, or writes between two`, async () => {
      await drops(rule, rows);
      for (const { id } of await rule.drops(ledger)) {
        ledger.db.prepare('UPDATE pairs SET dropped_by = ? WHERE id = ?').run(rule.name, id);
      }
      ledger.db.exec('UPDATE pairs SET dropped_by = NULL');
      const [first] = await rule.drops(ledger);
      assert.notEqual(first, undefined);
      ledger.recordPage({ url: 'http://site.test/next', status: 'fetched', fetchedAtMs: 3 });
    });
  }
});
