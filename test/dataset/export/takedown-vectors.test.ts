/** Vectors of what is taken down go, whoever writes them meanwhile, and whenever the takedown was ended. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Database from 'better-sqlite3';
import { takedown } from '../../../dataset/export/takedown.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import {
  isInLedger,
  openVectors,
  openVectorsToRead,
  putVectors,
  setVectorModel,
} from '../../../dataset/ledger/vector-store.ts';
import { smallId, smallUrl, writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-takedown-vectors-'));
after(() => rmSync(root, { recursive: true, force: true }));

const vector = new Float32Array(32).fill(0.5);

interface Row {
  readonly id: string;
  readonly sha256: string;
}

/** A corpus of four pictures with all their vectors. */
async function corpusWithVectors(name: string): Promise<{ readonly corpus: string; readonly rows: readonly Row[] }> {
  const corpus = join(root, name);
  await writeSmallCorpus(corpus, { images: 4, failed: 0 });
  const ledger = Ledger.openReadOnly(corpus);
  const select = ledger.db.prepare(
    'SELECT p.id, i.sha256 FROM pairs p JOIN images i ON i.id = p.image_id WHERE i.url = ?',
  );
  const rows = [0, 1, 2, 3].map((at) => select.get(smallUrl(at)) as Row);
  ledger.close();
  const store = openVectors(corpus);
  setVectorModel(store, { name: 'a', model: 'a-1', size: 32 });
  const of = (key: string) => ({ key, version: '', vector });
  putVectors(
    store,
    'picture',
    rows.map(({ sha256 }) => of(sha256)),
  );
  putVectors(
    store,
    'text',
    rows.map(({ id }) => of(id)),
  );
  store.close();
  return { corpus, rows };
}

const keysOf = (corpus: string): string[] => {
  const store = openVectorsToRead(corpus)!;
  const keys = store.db.prepare('SELECT key FROM vectors ORDER BY key').pluck().all() as string[];
  store.close();
  return keys;
};
const keysBut = (rows: readonly Row[], at: number): string[] =>
  rows
    .filter((_, row) => row !== at)
    .flatMap(({ id, sha256 }) => [id, sha256])
    .sort();

test('a takedown waits for who writes vectors, and one that was ended meanwhile does the rest when it runs again', async () => {
  const { corpus, rows } = await corpusWithVectors('busy');
  const held = new Database(join(corpus, 'vectors.db'));
  held.exec('BEGIN IMMEDIATE');
  const ending = new AbortController();
  const stopped = takedown(
    { corpusDir: corpus, urls: [smallUrl(1)] },
    { signal: ending.signal, onWait: ({ path }) => ending.abort(new Error(`stopped: ${path}`)) },
  );
  await assert.rejects(stopped, { message: `stopped: ${join(corpus, 'vectors.db')}` });
  // What names the vectors is still known.
  const ledger = Ledger.openReadOnly(corpus);
  assert.notEqual(ledger.db.prepare('SELECT 1 FROM pairs WHERE id = ?').get(smallId(1)), undefined);
  ledger.close();
  const { left, pairs } = await takedown(
    { corpusDir: corpus, urls: [smallUrl(1)] },
    {
      onWait: () => {
        held.exec('ROLLBACK');
        held.close();
      },
    },
  );
  assert.deepEqual([left, pairs], [[], 1]);
  assert.deepEqual(keysOf(corpus), keysBut(rows, 1));
});

test('what was embedded before a takedown and is stored after it does not stay', async () => {
  const { corpus, rows } = await corpusWithVectors('later');
  const store = openVectors(corpus);
  const ledger = Ledger.openReadOnly(corpus);
  const isThere = isInLedger(ledger);
  await takedown({ corpusDir: corpus, urls: [smallUrl(2)] });
  const batch = (['id', 'sha256'] as const).map((key) => rows.map((row) => ({ key: row[key], version: 'b', vector })));
  putVectors(store, 'text', batch[0]!, isThere);
  putVectors(store, 'picture', batch[1]!, isThere);
  assert.deepEqual(keysOf(corpus), keysBut(rows, 2));
  // Of an older takedown that was killed, or failed, the ledger does not know any more what it removed.
  putVectors(store, 'text', batch[0]!);
  assert.ok(keysOf(corpus).includes(rows[2]!.id));
  const { left } = await takedown({ corpusDir: corpus, urls: [smallUrl(2)] });
  assert.deepEqual([left, keysOf(corpus)], [[], keysBut(rows, 2)]);
  ledger.close();
  store.close();
});
