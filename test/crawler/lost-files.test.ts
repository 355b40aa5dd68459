/** A crawl in a corpus that lacks a file, or has an older or another one, cuts nothing and says how to go on. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { committedPagesEnd, openPageStore } from '../../dataset/ledger/page-store.ts';
import { maxUncommitted } from '../../dataset/ledger/raw-store.ts';
import { UserError } from '../../dataset/user-error.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-lost-'));
after(() => rmSync(root, { recursive: true, force: true }));
let site: Site;
after(() => site.close());

/** More pictures than one batch, and then more. */
const counts = [maxUncommitted + 10, 20];
const early = join(root, 'early');
const late = join(root, 'late');

before(async () => {
  const routes: Record<string, string | Buffer> = { '/robots.txt': '' };
  for (const [at, count] of counts.entries()) {
    const figures = Array.from({ length: count }, (_, i) => {
      routes[`/${at}-${i}.jpg`] = '';
      return `<figure><img src="/${at}-${i}.jpg" width="640" height="480" alt="Boat number ${i} of ${at}"></figure>`;
    });
    routes[`/${at}.html`] = `<title>Page ${at}</title><article>${figures.join('')}</article>`;
    for (let i = 0; i < count; i++) routes[`/${at}-${i}.jpg`] = await picture(at * 1000 + i);
  }
  site = await startSite({ routes });
  await run(early, '/0.html');
  cpSync(early, late, { recursive: true });
  await run(late, '/1.html');
});

async function run(corpusDir: string, path?: string) {
  const ledger = Ledger.open(corpusDir);
  try {
    return await crawl(
      {
        corpusDir,
        seeds: path === undefined ? [] : [`${site.url}${path}`],
        allowPrivate: true,
        minDelayMs: 0,
        render: 'never',
        keepPages: true,
      },
      { ledger },
    );
  } finally {
    ledger.close();
  }
}

let copies = 0;
function copy(of = late): string {
  copies += 1;
  const corpus = join(root, String(copies));
  cpSync(of, corpus, { recursive: true });
  return corpus;
}

/** The bytes of everything that a crawl could cut. */
const bytesOf = (corpus: string): Record<string, number> =>
  Object.fromEntries(
    ['raw', 'pages'].flatMap((folder) =>
      existsSync(join(corpus, folder))
        ? readdirSync(join(corpus, folder)).map((name) => [
            `${folder}/${name}`,
            statSync(join(corpus, folder, name)).size,
          ])
        : [],
    ),
  );

const remove = (corpus: string, ...names: string[]): void => {
  for (const name of names) rmSync(join(corpus, name), { recursive: true, force: true });
};

const ledgerFiles = ['ledger.db', 'ledger.db-wal', 'ledger.db-shm'];
const frontierFiles = ['frontier.db', 'frontier.db-wal', 'frontier.db-shm'];
const take = (corpus: string, from: string, ...names: string[]): void => {
  remove(corpus, ...names);
  for (const name of names)
    if (existsSync(join(from, name))) cpSync(join(from, name), join(corpus, name), { recursive: true });
};

const refused: readonly [name: string, damage: (corpus: string) => void, message: RegExp][] = [
  [
    'ledger.db is gone',
    (c) => remove(c, ...ledgerFiles),
    /^Expected ledger\.db in corpus .* beside frontier\.db, raw, pages but there is none/,
  ],
  [
    'ledger.db is empty',
    (c) => {
      remove(c, ...ledgerFiles);
      writeFileSync(join(c, 'ledger.db'), '');
    },
    /^Expected ledger\.db in corpus .* or an empty one; nothing was changed/,
  ],
  [
    'only raw/ is left',
    (c) => remove(c, ...ledgerFiles, ...frontierFiles, 'pages'),
    /^Expected ledger\.db in corpus .* beside raw but/,
  ],
  [
    'only the -wal file of the ledger was copied',
    (c) => {
      remove(c, ...ledgerFiles, ...frontierFiles, 'raw', 'pages');
      writeFileSync(join(c, 'ledger.db-wal'), 'x'.repeat(5000));
    },
    /^Expected ledger\.db in corpus .* beside ledger\.db-wal but/,
  ],
  [
    'frontier.db is gone',
    (c) => remove(c, ...frontierFiles),
    /^Expected the frontier at .*frontier\.db beside ledger\.db but received none/,
  ],
  [
    'only the -wal file of the frontier was copied',
    (c) => {
      remove(c, ...frontierFiles);
      writeFileSync(join(c, 'frontier.db-wal'), 'x'.repeat(5000));
    },
    /^Expected the frontier at .* but received only its -wal file/,
  ],
  [
    'the ledger is older',
    (c) => take(c, early, ...ledgerFiles),
    /^Expected a ledger\.db as new as frontier\.db .* lacks the last \d+ batches/,
  ],
  [
    'ledger and frontier are older than raw/ by more than a batch',
    (c) => {
      const fresh = join(root, 'fresh');
      if (!existsSync(fresh)) Ledger.open(fresh).close();
      remove(c, ...ledgerFiles, ...frontierFiles);
      cpSync(join(fresh, 'ledger.db'), join(c, 'ledger.db'));
    },
    /^Expected at most the 64 pictures of one batch after those that ledger\.db knows but received more in .*raw/,
  ],
  [
    'the frontier is another corpus’',
    (c) => {
      const other = join(root, 'other');
      if (!existsSync(other)) {
        cpSync(early, other, { recursive: true });
        const ledger = Ledger.open(other);
        ledger.db.exec(`UPDATE corpus SET id = 'another'`);
        ledger.close();
      }
      take(c, other, ...ledgerFiles);
    },
    /^Expected the ledger\.db and the frontier\.db of one corpus/,
  ],
  [
    'raw/ is another corpus’',
    (c) => {
      const path = join(c, 'raw/000000.tar');
      const bytes = readFileSync(path);
      for (let at = 0; at + 512 < bytes.length; at += 512) {
        if (bytes.toString('latin1', at + 257, at + 262) === 'ustar') bytes.write('0'.repeat(64), at);
      }
      writeFileSync(path, bytes);
    },
    /^Expected the picture [0-9a-f]{64} at byte \d+ of .*000000\.tar but received another one/,
  ],
];

for (const [name, damage, message] of refused) {
  test(`${name}: nothing is cut or made, and the way out is told`, async () => {
    const corpus = copy();
    damage(corpus);
    const before = bytesOf(corpus);
    for (let time = 0; time < 2; time++) {
      await assert.rejects(run(corpus), (error) => {
        assert.ok(error instanceof UserError, String(error));
        assert.match(error.message, message);
        assert.match(error.message, /put .* back/);
        return true;
      });
      assert.deepEqual(bytesOf(corpus), before);
    }
  });
}

test('pages/ beside an older ledger is not cut either', () => {
  const corpus = copy();
  const path = join(corpus, 'pages/000000.warc.gz');
  const records = readFileSync(path);
  for (let time = 0; time < maxUncommitted / 2; time++) writeFileSync(path, records, { flag: 'a' });
  const ledger = Ledger.open(corpus);
  const open = () => openPageStore(corpus, { committedEnd: committedPagesEnd(ledger) }).close();
  open(); // 64 pages: two for each time
  assert.equal(statSync(path).size, records.length);
  for (let time = 0; time <= maxUncommitted / 2; time++) writeFileSync(path, records, { flag: 'a' });
  assert.throws(open, /^UserError: Expected at most the 64 pages of one batch/);
  assert.equal(statSync(path).size, records.length * (maxUncommitted / 2 + 2));
  ledger.close();
});

test('a frontier that is older asks once more and loses nothing', async () => {
  const corpus = copy();
  take(corpus, early, ...frontierFiles);
  const before = bytesOf(corpus);
  await run(corpus, '/1.html');
  assert.equal(bytesOf(corpus)['raw/000000.tar'], before['raw/000000.tar']);
  const ledger = Ledger.open(corpus);
  assert.equal(
    ledger.db.prepare(`SELECT count(*) FROM images WHERE status = 'success'`).pluck().get(),
    counts[0]! + counts[1]!,
  );
  ledger.close();
});

test('what a kill left of one batch is cut', async () => {
  const corpus = copy();
  const path = join(corpus, 'raw/000000.tar');
  const whole = statSync(path).size;
  const tail = readFileSync(path).subarray(0, 5000);
  writeFileSync(path, tail, { flag: 'a' });
  await run(corpus);
  assert.equal(statSync(path).size, whole);
  truncateSync(path, whole);
});
