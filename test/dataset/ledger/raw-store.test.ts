import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { committedRawEnd, openRawStore } from '../../../dataset/ledger/raw-store.ts';
import { UserError } from '../../../dataset/user-error.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-raw-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newCorpus = () => {
  folders += 1;
  return join(root, String(folders));
};

const image = (text: string) => {
  const bytes = Buffer.from(text);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), format: 'jpg' };
};

/** Records an image as stored, the way the crawler does. */
function commit(ledger: Ledger, url: string, { bytes, sha256, format }: ReturnType<typeof image>, place: object): void {
  const measured = { format, width: 1, height: 1, frames: 1, byteLength: bytes.length, sha256, phash: '0'.repeat(16) };
  const stored = { ...measured, ...(place as { segment: number; offset: number }) };
  ledger.recordImage({ url, status: 'success', fetchedAtMs: 0, stored });
}

test('what was appended is read back, also after opening again, and tar lists it', () => {
  const corpus = newCorpus();
  const images = ['', 'a', 'b'.repeat(512), 'c'.repeat(5000)].map(image);
  let store = openRawStore(corpus);
  const places = images.map((one) => store.append(one));
  const readAll = () =>
    images.map((one, i) => store.read({ ...places[i]!, byteLength: one.bytes.length }).equals(one.bytes));
  assert.deepEqual(readAll(), [true, true, true, true]);
  store.close();
  store = openRawStore(corpus);
  assert.deepEqual(readAll(), [true, true, true, true]);
  store.append(image('one more'));
  assert.deepEqual(readAll(), [true, true, true, true]);
  store.close();
  const names = execFileSync('tar', ['-tf', join(corpus, 'raw/000000.tar')], { encoding: 'utf8' });
  assert.deepEqual(
    names.trim().split('\n'),
    [...images, image('one more')].map((one) => `${one.sha256}.jpg`),
  );
});

test('a full segment is closed as a whole archive and the next one starts', () => {
  const corpus = newCorpus();
  const store = openRawStore(corpus, { segmentBytes: 2048 });
  const places = ['1', '2', '3'].map((text) => store.append(image(text)));
  assert.deepEqual(places, [
    { segment: 0, offset: 512 },
    { segment: 0, offset: 1536 },
    { segment: 1, offset: 512 },
  ]);
  store.close();
  assert.equal(statSync(join(corpus, 'raw/000000.tar')).size, 2048 + 1024);
  assert.equal(
    openRawStore(corpus)
      .read({ ...places[1]!, byteLength: 1 })
      .toString(),
    '2',
  );
});

test('what the ledger has not committed is cut off when the store opens', () => {
  const corpus = newCorpus();
  const ledger = Ledger.open(corpus);
  let store = openRawStore(corpus, { committedEnd: committedRawEnd(ledger), segmentBytes: 2048 });
  const kept = image('kept');
  commit(ledger, 'https://a.example/kept.jpg', kept, store.append(kept));
  for (const text of ['lost 1', 'lost 2 in the next segment']) store.append(image(text));
  store.close();
  assert.deepEqual(readdirSync(join(corpus, 'raw')), ['000000.tar', '000001.tar']);
  assert.deepEqual(committedRawEnd(ledger), { segment: 0, end: 516, last: { offset: 512, sha256: kept.sha256 } });
  store = openRawStore(corpus, { committedEnd: committedRawEnd(ledger) });
  assert.deepEqual(readdirSync(join(corpus, 'raw')), ['000000.tar']);
  assert.deepEqual(store.append(image('next')), { segment: 0, offset: 1536 });
  assert.equal(store.read({ segment: 0, offset: 512, byteLength: 4 }).toString(), 'kept');
  store.close();
  ledger.close();
});

test('a torn last member is cut off at the first append, and reading alone changes nothing', () => {
  const corpus = newCorpus();
  const path = join(corpus, 'raw/000000.tar');
  let store = openRawStore(corpus);
  store.append(image('whole'));
  store.append(image('x'.repeat(2000)));
  store.close();
  truncateSync(path, 1024 + 512 + 700);
  store = openRawStore(corpus);
  assert.equal(store.read({ segment: 0, offset: 512, byteLength: 5 }).toString(), 'whole');
  assert.throws(() => store.read({ segment: 0, offset: 1536, byteLength: 2000 }), /000000\.tar ends before byte 3536/);
  assert.equal(statSync(path).size, 2236);
  assert.deepEqual(store.append(image('next')), { segment: 0, offset: 1536 });
  store.close();
  appendFileSync(path, Buffer.alloc(100, 1));
  store = openRawStore(corpus);
  assert.deepEqual(store.append(image('after garbage')), { segment: 0, offset: 2560 });
  store.close();
});

test('when committed bytes are missing, new images do not take their place', () => {
  const corpus = newCorpus();
  let store = openRawStore(corpus);
  store.append(image('abc'));
  store.close();
  truncateSync(join(corpus, 'raw/000000.tar'), 600);
  store = openRawStore(corpus, { committedEnd: { segment: 0, end: 515 } });
  assert.deepEqual(store.append(image('new')), { segment: 1, offset: 512 });
  store.close();
});

test('a ledger that knows nothing of several segments is refused, nothing is deleted', () => {
  const corpus = newCorpus();
  const store = openRawStore(corpus, { segmentBytes: 512 });
  for (const text of ['1', '2', '3', '4']) store.append(image(text));
  store.close();
  assert.throws(() => openRawStore(corpus, { committedEnd: { segment: 0, end: 0 } }), UserError);
  assert.equal(readdirSync(join(corpus, 'raw')).length, 4);
});

test('an erased image reads as zeros and its neighbours stay', () => {
  const corpus = newCorpus();
  const store = openRawStore(corpus);
  const places = ['one', 'two', 'three'].map((text) => ({ ...store.append(image(text)), byteLength: text.length }));
  store.erase(places[1]!);
  assert.deepEqual(
    places.map((place) => store.read(place).toString()),
    ['one', '\0\0\0', 'three'],
  );
  store.close();
  const names = execFileSync('tar', ['-tf', join(corpus, 'raw/000000.tar')], { encoding: 'utf8' });
  assert.equal(names.split('\n')[1], 'removed');
});

test('SIGKILL at any moment loses nothing that the ledger knows and leaves nothing else', async () => {
  const corpus = newCorpus();
  const writer = new URL('raw-store-writer.ts', import.meta.url).pathname;
  for (const afterMs of [30, 60, 90]) {
    const child = spawn(process.execPath, ['--import', 'tsx', writer, corpus], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    child.kill('SIGKILL');
    await ended;
    const ledger = Ledger.open(corpus);
    const end = committedRawEnd(ledger);
    const store = openRawStore(corpus, { committedEnd: end });
    const rows = ledger.db.prepare('SELECT sha256, segment, offset, byte_length AS byteLength FROM images').all();
    assert.ok(rows.length > 0);
    for (const row of rows as { sha256: string; segment: number; offset: number; byteLength: number }[]) {
      assert.equal(createHash('sha256').update(store.read(row)).digest('hex'), row.sha256);
    }
    store.close();
    ledger.close();
    const last = join(corpus, 'raw', `${String(end.segment).padStart(6, '0')}.tar`);
    assert.equal(statSync(last).size, Math.ceil(end.end / 512) * 512);
    assert.ok(!existsSync(join(corpus, 'raw', `${String(end.segment + 1).padStart(6, '0')}.tar`)));
  }
});
