/** What is taken down in the folder that collects while workers crawl: they ask for nothing of it, and it is found nowhere. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { crawl } from '../../crawler/crawl.ts';
import { openSharedCorpus } from '../../crawler/shared/schema.ts';
import { sharedWork } from '../../crawler/shared/shared-work.ts';
import { openStore } from '../../crawler/shared/store.ts';
import { takenDownAmong } from '../../crawler/shared/taken-down.ts';
import { openBlobs, readBlob } from '../../dataset/blobs/open.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { picture } from '../helpers/picture.ts';
import { noPostgres, startPostgres } from './postgres-server.ts';
import { noS3Server, startS3 } from './s3-server.ts';

const blobs = 's3://birds/taken';

test('what is taken down while three workers crawl is asked for no more, and leaves rows, raw, shards and queue', {
  skip: noPostgres || noS3Server,
  timeout: 120_000,
}, async (t) => {
  const [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
  t.after(() => postgres.stop());
  t.after(() => s3.close());
  const store = postgres.newDatabase();

  // Hosts of four addresses. The gate keeps the crawl going until something was taken down, and leads to it.
  const pictures = await Promise.all([1, 2, 3, 4, 5].map((seed) => picture(seed, { width: 420, height: 360 })));
  const asked: string[] = [];
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const server = createServer(async (req, res) => {
    const host = Number((req.headers.host ?? '').split(/[.:]/)[3]);
    const at = `${host}${req.url}`;
    asked.push(at);
    if (at === '3/gate') await gate;
    const links: Record<string, readonly string[]> = {
      '1/': ['1/more', '4/', '3/gate'],
      '1/more': [],
      '4/': [],
      '3/gate': ['3/secret', '2/'],
    };
    const shown: Record<string, number> = { '1/': 0, '1/more': 1, '4/': 2, '3/gate': 3, '3/secret': 4, '2/': 4 };
    const image = /\/bird(\d)\.jpg$/.exec(at);
    if (image) res.setHeader('content-type', 'image/jpeg').end(pictures[Number(image[1])]);
    else if (shown[at] === undefined) res.writeHead(404).end();
    else {
      const more = (links[at] ?? []).map((one) => `<a href="${address(one)}">more</a>`).join(' ');
      res
        .setHeader('content-type', 'text/html')
        .end(`<!doctype html><html lang="en"><title>Birds of the harbour, ${at}</title>
        <p>The birds of the harbour sit on the old wall and wait for the boats to come home in the evening.</p>
        <img src="/bird${shown[at]}.jpg" width="420" height="360" alt="A grey bird sits on the old harbour wall, number ${at}">${more}</html>`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => {
    open();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const address = (one: string): string => `http://127.0.0.${one.replace('/', `:${port}/`)}`;

  const corpus = temporaryCorpus();
  corpus.raw.close();
  corpus.ledger.close();
  t.after(() => corpus.remove());
  writeFileSync(join(corpus.dir, 'lait.yaml'), `store: ${store}\nblobs: ${blobs}\n`);
  const lait = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await ranInProcess([...args, '--corpus', corpus.dir]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const tables = await openStore({ url: store, connections: 1 });
  t.after(() => tables.close());
  await openSharedCorpus(tables, { create: true });
  const workers = [1, 2, 3].map(() => {
    const corpusDir = mkdtempSync(join(corpus.dir, 'machine-'));
    const options = { allowPrivate: true, minDelayMs: 20, latencyFactor: 0, render: 'never', scope: 'any' } as const;
    return crawl(
      { ...options, seeds: [address('1/')], corpusDir, timeoutMs: 60_000 },
      { openWork: sharedWork({ url: store, blobs, corpusDir }) },
    );
  });
  const hasCome = 'SELECT WHERE (SELECT sum(images) FROM lait.workers) >= 3';
  while (!asked.includes('3/gate') || (await tables.query(hasCome)).length === 0) await sleep(50);

  await lait('collect');

  await lait('filter');

  await lait('export', '--validation-fraction', '0');
  const shards = (): Buffer =>
    Buffer.concat(
      readdirSync(join(corpus.dir, 'shards', 'train'))
        .filter((name) => name.endsWith('.tar'))
        .map((name) => readFileSync(join(corpus.dir, 'shards', 'train', name))),
    );
  const raw = (): Buffer => readFileSync(join(corpus.dir, 'raw', '000000.tar'));
  assert.ok(shards().includes(address('1/bird0.jpg')));
  assert.ok(raw().includes(pictures[0]!));

  const urls = ['1/bird0.jpg', '3/bird3.jpg', '3/secret'].flatMap((one) => ['--url', address(one)]);
  const names = [...urls, '--host', '127.0.0.2'];
  await lait('takedown', ...names);
  open();

  await Promise.all(workers);

  await lait('collect');
  await lait('filter');
  await lait('export', '--validation-fraction', '0');

  const refused = ['3/bird3.jpg', '3/secret', '3/bird4.jpg'];
  assert.deepEqual(
    asked.filter((one) => one.startsWith('2/') || refused.includes(one)),
    [],
  );
  const reasons = reasonsIn(corpus.dir);
  assert.deepEqual(
    ['3/bird3.jpg', '3/secret', '2/', '1/bird0.jpg'].map((one) => reasons[address(one)]),
    ['taken-down', 'taken-down', 'taken-down', 'taken-down'],
  );
  assert.equal(postgres.sql(store, 'SELECT count(*) FROM lait.queue'), '0');
  for (const bytes of [shards(), raw(), await allOf(`${blobs}/work`)]) {
    for (const n of [0, 3, 4]) assert.ok(!bytes.includes(pictures[n]!), `picture ${n}`);
  }
  assert.ok(raw().includes(pictures[1]!) && shards().includes(address('4/bird2.jpg')));

  // What is taken back may be asked for again.
  const claim = (one: string) => ({ url: address(one), at: address(one) });
  const claims = [claim('3/secret'), claim('2/more')];
  assert.equal((await takenDownAmong(tables.query, claims)).size, 2);
  await lait('takedown', '--undo', '--url', address('3/secret'));
  assert.deepEqual([...(await takenDownAmong(tables.query, claims))], [claims[1]]);
  // Where the store is away, one line says so, and the rest is done.
  writeFileSync(join(corpus.dir, 'lait.yaml'), `store: ${store.replace(/:\d+\//, ':1/')}\nblobs: ${blobs}\n`);
  const away = await ranInProcess(['takedown', '--url', address('4/bird2.jpg'), '--corpus', corpus.dir]);
  assert.equal(away.code, 0, away.stderr);
  assert.match(away.stderr, /^lait: Expected a PostgreSQL server for .* but received none \(ECONNREFUSED\)[^\n]*$/m);
});

/** The reasons of pages and pictures, by URL. */
function reasonsIn(dir: string): Record<string, string | null> {
  const ledger = Ledger.openExisting(dir);
  try {
    const rows = ledger.db
      .prepare('SELECT url, reason FROM pages UNION ALL SELECT url, reason FROM images')
      .raw()
      .all();
    return Object.fromEntries(rows as [string, string | null][]);
  } finally {
    ledger.close();
  }
}

/** All bytes below a place. */
async function allOf(place: string): Promise<Buffer> {
  const all = await openBlobs(place);
  const parts: Buffer[] = [];
  for await (const { key } of all.list()) parts.push((await readBlob(all, key, { maxBytes: 2 ** 30 }))!);
  return Buffer.concat(parts);
}
