/** Vectors are found as an exact search finds them, also as they come and go, and a removed one is no more in the file. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openVectorSearch, type VectorSearch } from '../../../dataset/ledger/vector-search.ts';
import {
  isEmbedded,
  openVectors,
  openVectorsToRead,
  packed,
  putVectors,
  removeVectors,
  setVectorModel,
  takeFromVectors,
  type VectorStore,
  vectorModel,
} from '../../../dataset/ledger/vector-store.ts';
import { random } from '../../../dataset/random.ts';

const size = 70;
const all = 3_000;

/** Vectors in fifty groups, all of them off to one side, as those of models are. */
function vector(at: number): Float32Array {
  const [group, own] = [random(1, at % 50), random(2, at)];
  const values = Float32Array.from({ length: size }, () => 0.7 + group.normal() + 0.6 * own.normal());
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}
const key = (at: number): string => `picture-${String(at).padStart(4, '0')}`;
const batch = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => ({ key: key(from + at), version: '', vector: vector(from + at) }));

describe('vectors', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-vectors-'));
  let store: VectorStore;
  let search: VectorSearch;
  const model = { name: 'a', model: 'a-1', size };
  before(() => {
    store = openVectors(folder);
    setVectorModel(store, model);
    for (let from = 0; from < all; from += 100) putVectors(store, 'picture', batch(from, 100));
    search = openVectorSearch(openVectorsToRead(folder)!);
  });
  after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });

  const stored = Array.from({ length: all }, (_, at) => vector(at));

  /** All cosines, the largest first. */
  const exact = (query: Float32Array, count: number): string[] =>
    stored
      .map((one, at) => ({ at, cosine: one.reduce((sum, value, place) => sum + value * query[place]!, 0) }))
      .sort((a, b) => b.cosine - a.cosine)
      .slice(0, count)
      .map(({ at }) => key(at));

  it('of a corpus that was moved are not written any more', () => {
    const [was, moved] = [join(folder, 'was'), join(folder, 'moved')];
    mkdirSync(was);
    const left = openVectors(was);
    try {
      setVectorModel(left, model);
      renameSync(was, moved);
      assert.throws(() => putVectors(left, 'picture', batch(0, 1)), /vectors\.db as it was opened but it was moved/);
    } finally {
      left.close();
      rmSync(moved, { recursive: true });
    }
  });

  it('finds what an exact search finds, with its cosine', () => {
    let same = 0;
    for (let at = 0; at < 20; at++) {
      const query = vector(10_000 + at);
      const near = search.nearest('picture', query, 10);
      const wanted = new Set(exact(query, 10));
      same += near.filter((one) => wanted.has(one.key)).length;
      assert.equal(near.length, 10);
      const found = vector(Number(near[0]!.key.slice(-4)));
      const cosine = found.reduce((sum, value, place) => sum + value * query[place]!, 0);
      assert.ok(Math.abs(near[0]!.similarity - cosine) < 0.01, `${near[0]!.similarity} is ${cosine}`);
    }
    assert.ok(same >= 190, `${same} of 200`);
    assert.deepEqual(search.nearest('text', vector(1), 10), []);
  });

  it('gives a vector back as it was, to a hundredth of it', () => {
    const [was, is] = [vector(7), search.vectorOf('picture', key(7))!];
    assert.ok(was.every((value, at) => Math.abs(value - is[at]!) < 0.01));
    assert.equal(search.vectorOf('picture', 'none'), null);
    assert.equal(search.vectorOf('text', key(7)), null);
  });

  it('follows what comes, what is replaced and what goes', () => {
    const query = vector(20_000);
    putVectors(store, 'picture', [{ key: 'new', version: '', vector: query }]);
    assert.equal(search.nearest('picture', query, 1)[0]!.key, 'new');
    putVectors(store, 'picture', [{ key: 'new', version: '2', vector: query.map((value) => -value) }]);
    assert.ok(!search.nearest('picture', query, 100).some((one) => one.key === 'new'));
    assert.equal(
      search.nearest(
        'picture',
        query.map((value) => -value),
        1,
      )[0]!.key,
      'new',
    );
    assert.deepEqual(
      ['', '2'].map((version) => isEmbedded(store)('picture', 'new', version)),
      [false, true],
    );
    removeVectors(store, 'picture', ['new', 'none']);
    assert.ok(
      !search
        .nearest(
          'picture',
          query.map((value) => -value),
          100,
        )
        .some((one) => one.key === 'new'),
    );
    putVectors(store, 'picture', [{ key: 'broken', version: '', vector: null }]);
    assert.equal(isEmbedded(store)('picture', 'broken', ''), true);
    assert.equal(search.vectorOf('picture', 'broken'), null);
  });

  it('a takedown leaves no bytes of a vector in any file', async () => {
    const bytes = packed(vector(3));
    const files = (): Buffer => Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
    store.db.pragma('wal_checkpoint(TRUNCATE)');
    assert.ok(files().includes(bytes));
    // The ledger has none of these pictures: what it does not have goes too.
    const other = mkdtempSync(join(tmpdir(), 'lait-vectors-ledger-'));
    const ledger = Ledger.open(other);
    try {
      await takeFromVectors(folder, { sha256s: [key(3)], pairs: [] }, { ledger });
      assert.ok(!files().includes(bytes));
      assert.equal(store.db.prepare('SELECT count(*) FROM vectors').pluck().get(), 0);
    } finally {
      ledger.close();
      rmSync(other, { recursive: true });
    }
    for (let from = 0; from < all; from += 100) putVectors(store, 'picture', batch(from, 100));
  });

  it('begins anew by another model, and only then', () => {
    assert.equal(setVectorModel(store, { ...model, name: 'the same by another name' }), 0);
    assert.equal(setVectorModel(store, { name: 'b', model: 'b-1', size }), all);
    assert.deepEqual(vectorModel(store), { name: 'b', model: 'b-1', size });
    assert.deepEqual(search.nearest('picture', vector(1), 10), []);
  });

  it('a file of another version is refused', () => {
    store.db.pragma('user_version = 99');
    assert.throws(
      () => openVectorsToRead(folder),
      /Expected vectors of version 1 .* but received 99; delete the file and run `lait embed`/,
    );
    store.db.pragma('user_version = 1');
  });
});
