/** Web archives: the same extraction as a crawl's, from a file and from the web. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { WARCRecord, WARCSerializer } from 'warcio';
import { crawl } from '../../../crawler/crawl.ts';
import { beginArchive } from '../../../crawler/frontier/archives.ts';
import { Frontier } from '../../../crawler/frontier/frontier.ts';
import { importWarc } from '../../../crawler/input/warc.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { heavyPage } from '../../helpers/heavy-page.ts';
import { picture } from '../../helpers/picture.ts';
import { type Route, type Site, startSite } from '../../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
const folder = mkdtempSync(join(tmpdir(), 'lait-warc-'));
const routes: Record<string, Route> = {};
let site: Site;
let archive: Buffer;

before(async () => {
  site = await startSite({ routes });
  archive = await archiveOf(site.url);
  Object.assign(routes, {
    '/a.jpg': await picture(1),
    '/b.jpg': await picture(2),
    '/x.warc.gz': { headers: { 'content-type': 'application/gzip' }, body: archive },
    '/moved.warc.gz': { status: 301, headers: { location: '/x.warc.gz' } },
    '/round.warc.gz': { status: 302, headers: { location: '/round.warc.gz' } },
    '/to-file': { status: 302, headers: { location: 'file:///etc/passwd' } },
    '/cut.warc.gz': (_req, res) => {
      res.writeHead(200, { 'content-length': String(archive.length + 100) });
      res.write(archive, () => setTimeout(() => res.destroy(), 100));
    },
    '/empty.warc.gz': { body: '' },
    '/html.warc.gz': '<p>This is no archive.</p>',
  } satisfies Record<string, Route>);
});
after(async () => {
  await site.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A record of a page, or of something else. */
const recordOf = (url: string, type: string, body: string, headers: Record<string, string> = {}) =>
  WARCRecord.create(
    {
      url,
      date: '2024-01-02T03:04:05Z',
      type: 'response',
      warcVersion: 'WARC/1.0',
      statusline: 'HTTP/1.1 200 OK',
      httpHeaders: { 'Content-Type': type, ...headers },
    },
    (async function* () {
      yield Buffer.from(body);
    })(),
  );

/** Two pages, one of which reserves its rights, and a style sheet. */
async function archiveOf(origin: string): Promise<Buffer> {
  const html = (n: number, extra = ''): string =>
    `${extra}<title>Page ${n}</title><main><h1>Archive</h1><p><img src="/${n === 1 ? 'a' : 'b'}.jpg" alt="An archived picture ${n}"></p></main>`;
  const records = [
    recordOf(`${origin}/1.html`, 'text/html; charset=utf-8', html(1)),
    recordOf(`${origin}/2.html`, 'text/html', html(2), { 'X-Robots-Tag': 'noai' }),
    recordOf(`${origin}/3.css`, 'text/css', 'p {}'),
  ];
  const parts = await Promise.all(records.map((one) => WARCSerializer.serialize(one, { gzip: true })));
  return Buffer.concat(parts);
}

const read = { records: 3, pages: 2, refused: 1, images: 1, unusable: {}, broken: null };

describe('an archive', () => {
  for (const { name, source } of [
    { name: 'in a file', source: () => join(folder, 'x.warc.gz') },
    { name: 'at a URL', source: () => `${site.url}/x.warc.gz` },
    { name: 'at a URL that was moved', source: () => `${site.url}/moved.warc.gz` },
  ]) {
    test(name, async (t) => {
      const corpus = temporaryCorpus();
      t.after(() => corpus.remove());
      writeFileSync(join(folder, 'x.warc.gz'), archive);
      const options = { corpusDir: corpus.dir, source: source(), allowPrivate: true };
      assert.deepEqual(await importWarc(options, corpus), read);
      assert.deepEqual(await importWarc(options, corpus), read, 'reading it again changes nothing');
      await crawl({ ...own, seeds: [], corpusDir: corpus.dir }, corpus);
      assert.deepEqual(corpus.pages(), { '/1.html': 'fetched', '/2.html': 'rights-noai' });
      assert.deepEqual(corpus.images(), { '/a.jpg': 'success' });
      assert.deepEqual(corpus.pairs(), [
        '/a.jpg | alt | An archived picture 1 | /1.html',
        '/a.jpg | heading | Archive | /1.html',
      ]);
    });
  }

  for (const { name, source, options = {}, message, pages = [] } of [
    { name: 'that is none', source: () => `${site.url}/html.warc.gz`, message: /Expected a WARC archive/ },
    { name: 'that is empty', source: () => `${site.url}/empty.warc.gz`, message: /Expected a WARC archive/ },
    { name: 'that is no file', source: () => join(folder, 'none.warc'), message: /Expected a file for warc/ },
    { name: 'that the server has not', source: () => `${site.url}/none.warc.gz`, message: /the server answers 404/ },
    {
      name: 'that is redirected for ever',
      source: () => `${site.url}/round.warc.gz`,
      message: /redirected without end/,
    },
    { name: 'that leads to a file', source: () => `${site.url}/to-file`, message: /no web address/ },
    {
      name: 'on this machine without leave',
      source: () => `${site.url}/x.warc.gz`,
      options: { allowPrivate: false },
      message: /Expected a public address/,
    },
    {
      name: 'on the web without a contact',
      source: () => 'https://data.example.org/x.warc.gz',
      message: /Expected a contact/,
    },
    {
      name: 'that is larger than it may be',
      source: () => `${site.url}/x.warc.gz`,
      options: { maxBytes: 100 },
      message: /received \d+ bytes to come after 0 bytes/,
    },
    {
      name: 'that breaks off, whose first pages are kept',
      source: () => `${site.url}/cut.warc.gz`,
      message: /received body-cut-off after \d+ bytes; what came is kept/,
      pages: ['/1.html', '/2.html'],
    },
  ] as { name: string; source: () => string; options?: object; message: RegExp; pages?: string[] }[]) {
    test(`${name} is a user error`, async (t) => {
      const corpus = temporaryCorpus();
      t.after(() => corpus.remove());
      await assert.rejects(
        importWarc({ corpusDir: corpus.dir, source: source(), allowPrivate: true, ...options }, corpus),
        (error) => error instanceof UserError && message.test(error.message),
      );
      assert.deepEqual(Object.keys(corpus.pages()), pages);
    });
  }
});

test('what ends the process is read alone after some deaths, and then given up', async (t) => {
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const source = join(folder, 'deadly.warc.gz');
  writeFileSync(source, archive);
  const text = gunzipSync(archive).toString('latin1');
  const [, url, id] = /WARC-Target-URI: (\S*\/1\.html)[\s\S]*?WARC-Record-ID: (\S+)/i.exec(text)!;
  const ordinal = text.slice(0, text.indexOf(id!)).match(/^WARC-Record-ID: /gim)!.length;
  const record = createHash('sha256').update(`${ordinal} ${id} ${url}`).digest('hex');
  /** What a process leaves that dies while it reads the record, and what the next one makes of that. */
  const die = (): void => {
    const frontier = Frontier.open(corpus.dir);
    const dying = beginArchive(frontier.db, source);
    if (dying.isAlone) dying.open(record);
    frontier.close();
    Frontier.open(corpus.dir, { hasDied: true }).close();
  };
  const importIt = () => importWarc({ corpusDir: corpus.dir, source }, corpus);

  die();
  assert.deepEqual(await importIt(), read, 'all was read: its death is forgotten');
  // Of the next five, two count for the archive.
  for (let death = 0; death < 4; death++) die();
  assert.deepEqual(await importIt(), read, 'alone');
  for (let death = 0; death < 5; death++) die();
  const without = { ...read, pages: 1, images: 0, unusable: { 'process-died': 1 } };
  assert.deepEqual(await importIt(), without);
  assert.deepEqual(await importIt(), without, 'nor once more');
  writeFileSync(join(folder, 'other.warc.gz'), archive);
  assert.deepEqual(await importWarc({ corpusDir: corpus.dir, source: join(folder, 'other.warc.gz') }, corpus), read);
});

test('an archive that is signed anew each time is the same one, of which no secret is kept; a record without an id is itself', async (t) => {
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const nameless = gunzipSync(archive)
    .toString('latin1')
    .replace(/^WARC-Record-ID: .*$/gim, 'X: y\r')
    .replace(/^(WARC-Target-URI: .*)\/\d\.html/gim, '$1/same.html');
  routes['/signed.warc'] = { body: Buffer.from(nameless, 'latin1') };
  const signed = (by: string): string => `${site.url.replace('//', '//user:secret@')}/signed.warc?signature=${by}`;
  const record = createHash('sha256').update(`1  ${site.url}/same.html`).digest('hex');
  for (let death = 0; death < 5; death++) {
    const frontier = Frontier.open(corpus.dir);
    const dying = beginArchive(frontier.db, signed(`s${death}`));
    if (dying.isAlone) dying.open(record);
    assert.deepEqual(frontier.db.prepare('SELECT source FROM archives').pluck().all(), [`${site.url}/signed.warc`]);
    frontier.close();
    Frontier.open(corpus.dir, { hasDied: true }).close();
  }
  const source = `${site.url}/signed.warc?signature=now`;
  const { pages, unusable } = await importWarc({ corpusDir: corpus.dir, source, allowPrivate: true }, corpus);
  assert.deepEqual([pages, unusable], [1, { 'process-died': 1 }]);
});

test('pages are committed by what they weigh: few that have millions of characters', async (t) => {
  const { dir, ledger, remove } = temporaryCorpus();
  t.after(remove);
  const file = join(folder, 'heavy.warc.gz');
  const records = await Promise.all(
    [1, 2, 3, 4, 5, 6, 7].map((n) =>
      WARCSerializer.serialize(recordOf(`https://a.example/${n}`, 'text/html', heavyPage), { gzip: true }),
    ),
  );
  writeFileSync(file, Buffer.concat(records));
  const committed: number[] = [];
  await importWarc({ corpusDir: dir, source: file }, { ledger, onProgress: ({ pages }) => committed.push(pages) });
  // Of 4 million each, and 10 million at once.
  assert.deepEqual(committed, [3, 6, 7]);
});
