/** Every transaction that writes takes the writers' lock at its beginning, so that it waits for others and never fails half-way. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';

const root = join(import.meta.dirname, '../..');

/** Where a transaction begins, by file: how often, and how. A new one is entered here on purpose. */
const begins: Readonly<Record<string, readonly string[]>> = {
  'crawler/frontier/archives.ts': ['transaction immediate'],
  'crawler/frontier/frontier.ts': ['transaction immediate'],
  'crawler/frontier/schema.ts': ['transaction immediate'],
  // A crawl that is brought into its folder, read from the store meanwhile.
  'crawler/shared/move-out.ts': ['BEGIN IMMEDIATE'],
  'dataset/corpus-lock.ts': ['BEGIN EXCLUSIVE'],
  // A snapshot to read from, and work in turns.
  'dataset/ledger/ledger.ts': ['BEGIN', 'BEGIN IMMEDIATE', 'transaction immediate'],
  'dataset/ledger/migrations.ts': ['transaction immediate'],
  // The schema, the model, a batch and what is removed.
  'dataset/ledger/vector-store.ts': Array(4).fill('transaction immediate'),
  // Whose folder it is, tried.
  'dataset/temporary-folder.ts': ['BEGIN EXCLUSIVE'],
};

/** The ways in which a source begins transactions, triggers (`BEGIN UPDATE …`) apart. */
function beginsIn(source: string): string[] {
  const found = [...source.matchAll(/\.transaction\(|['"`]BEGIN( \w+)?['"`]/g)];
  return found.map((match) => {
    if (!match[0].startsWith('.')) return match[0].slice(1, -1);
    let depth = 0;
    let at = match.index + '.transaction'.length;
    do {
      depth += source[at] === '(' ? 1 : source[at] === ')' ? -1 : 0;
      at += 1;
    } while (depth > 0);
    return /^\s*\.immediate\(/.test(source.slice(at)) ? 'transaction immediate' : 'transaction deferred';
  });
}

test('no transaction that writes begins deferred', () => {
  assert.deepEqual(beginsIn(`db.transaction(() => f(a))(); db.exec('BEGIN');`), ['transaction deferred', 'BEGIN']);
  const found: Record<string, string[]> = {};
  for (const folder of ['cli', 'crawler', 'dataset', 'filters', 'model']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const all = beginsIn(readFileSync(join(root, folder, name), 'utf8'));
      if (all.length > 0) found[join(folder, name)] = all.sort();
    }
  }
  assert.deepEqual(found, begins);
});

test('who can do something else meanwhile is told that another one writes, and nothing was run', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-transactions-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [a, b] = [Ledger.open(dir), Ledger.open(dir)];
  const image = { url: 'https://a.example/1.jpg', status: 'refused', reason: 'robots', fetchedAtMs: 0 } as const;
  let ran = false;
  a.write(() => {
    assert.equal(a.isTakenDown({ url: image.url }), false);
    assert.equal(
      b.tryWrite(() => {
        ran = true;
      }),
      null,
    );
    a.recordImage(image);
  });
  assert.equal(ran, false);
  assert.deepEqual(
    b.tryWrite(() => b.db.prepare('SELECT count(*) FROM images').pluck().get()),
    { result: 1 },
  );
  assert.throws(
    () =>
      b.tryWrite(() => {
        throw Object.assign(new Error('its own'), { code: 'SQLITE_BUSY' });
      }),
    /its own/,
  );
  a.close();
  b.close();
});
