/**
 * No room left: the crawl ends with exit code 1 and one clear line, nothing is corrupt, and with room it goes on to the same
 * pairs. A limit on file sizes (`ulimit -f`, any user) reaches raw bytes, ledger and frontier one by one, depending on what a
 * site is full of; a small memory disk, where this user may mount one, gives the real ENOSPC.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { crawl } from '../../crawler/crawl.ts';
import { openCorpus, temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const lait = join(import.meta.dirname, '../../cli/lait.mjs');
const pages = 12;

/** A site whose pages have much of one thing. */
async function siteFullOf(what: 'pictures' | 'texts' | 'links') {
  const routes: Record<string, Route> = {};
  const count = what === 'pictures' ? pages : 1;
  for (let n = 0; n < count; n++)
    routes[`/${n}.png`] = what === 'pictures' ? await noise(n) : await picture(n, { format: 'png' });
  for (let n = 0; n < pages; n++) {
    const links = Array.from({ length: 40 }, (_, i) => `<a href="/nothing/${'long-name-'.repeat(40)}${n}-${i}">x</a>`);
    const texts = Array.from(
      { length: 150 },
      (_, i) => `<img src="/0.png?${n}-${i}" alt="Boat ${i} of page ${n} ${'sails '.repeat(150)}">`,
    );
    routes[`/${n}`] = `<title>${n}</title><main><h1>Boat ${n}</h1><a href="/${n + 1}">on</a>
      <p><img src="/${n % count}.png" alt="The boat of page ${n}"></p>
      ${what === 'links' ? links.join('') : ''}${what === 'texts' ? texts.join('') : ''}</main>`;
  }
  return startSite({ routes });
}

/** Much detail makes a large file: 450 KB each. */
const noise = (seed: number): Promise<Buffer> => picture(seed, { width: 800, height: 600, format: 'png' });

interface Ended {
  readonly code: number | null;
  readonly errors: string;
}

/** Runs `lait crawl` in a shell that first takes away room. */
function crawlIn(shell: readonly string[], prepare: string, args: readonly string[]): Promise<Ended> {
  const command = [
    process.execPath,
    lait,
    '--verbose',
    'crawl',
    ...args,
    '--allow-private',
    '--min-delay-ms',
    '0',
    '--render',
    'never',
  ];
  const quoted = command.map((word) => `'${word}'`).join(' ');
  return new Promise((resolve) => {
    const [program, ...rest] = shell;
    const child = spawn(program!, [...rest, `${prepare} ${quoted}`], { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.once('close', (code) => resolve({ code, errors }));
  });
}

const complaints = (errors: string): string[] => errors.split('\n').filter((line) => line.startsWith('lait:'));

function assertWhole(dir: string): void {
  for (const name of ['ledger.db', 'frontier.db']) {
    const db = new Database(join(dir, name), { readonly: true });
    assert.deepEqual(db.pragma('integrity_check', { simple: true }), 'ok', name);
    db.close();
  }
}

/** What an undisturbed crawl finds, and whether a corpus that ran out of room comes to the same. */
async function assertGoesOn(dir: string, url: string): Promise<void> {
  const options = { seeds: [`${url}/0`], allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
  const undisturbed = temporaryCorpus();
  await crawl({ ...options, corpusDir: undisturbed.dir }, undisturbed);
  const disturbed = openCorpus(dir);
  assert.notDeepEqual(disturbed.pages(), undisturbed.pages(), 'the room was to end before the crawl');
  await crawl({ ...options, corpusDir: dir }, disturbed);
  assert.deepEqual(disturbed.pages(), undisturbed.pages());
  assert.deepEqual(disturbed.images(), undisturbed.images());
  assert.deepEqual(disturbed.pairs(), undisturbed.pairs());
  const stored = disturbed.ledger.db
    .prepare('SELECT segment, offset, byte_length AS byteLength FROM images WHERE segment IS NOT NULL')
    .all() as { segment: number; offset: number; byteLength: number }[];
  for (const place of stored) assert.equal(disturbed.raw.read(place).byteLength, place.byteLength);
  disturbed.close();
  undisturbed.remove();
}

describe('a limit on file sizes', () => {
  for (const { what, limitKb, where, notWhere } of [
    { what: 'pictures', limitKb: 400, where: /raw-store\.[jt]s/, notWhere: /toFrontier/ },
    { what: 'texts', limitKb: 400, where: /commit\.[jt]s/, notWhere: /toFrontier|raw-store\.[jt]s/ },
    { what: 'links', limitKb: 400, where: /crawler.frontier.frontier\.[jt]s/, notWhere: /raw-store\.[jt]s/ },
  ] as const) {
    test(`met by ${what}`, async (t) => {
      const site = await siteFullOf(what);
      const dir = mkdtempSync(join(tmpdir(), 'lait-full-'));
      t.after(async () => {
        rmSync(dir, { recursive: true });
        await site.close();
      });
      const corpus = join(dir, 'corpus');
      const { code, errors } = await crawlIn(['bash', '-c'], `ulimit -f ${limitKb};`, [
        `${site.url}/0`,
        '--corpus',
        corpus,
      ]);
      assert.equal(code, 1, errors);
      assert.match(
        complaints(errors).join('\n'),
        /^lait: the disk is full, or a limit on file sizes is reached \(\w+: [^\n]*\); .* run the same command again\.$/,
      );
      assert.match(errors, where);
      assert.doesNotMatch(errors, notWhere);
      assertWhole(corpus);
      await assertGoesOn(corpus, site.url);
    });
  }
});

const mount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt']).status === 0;

test('a full disk', { skip: mount ? false : 'this user may not mount a memory disk' }, async (t) => {
  const site = await siteFullOf('pictures');
  const dir = mkdtempSync(join(tmpdir(), 'lait-full-'));
  t.after(async () => {
    rmSync(dir, { recursive: true });
    await site.close();
  });
  const [small, kept] = [join(dir, 'small'), join(dir, 'kept')];
  // The mount ends with its namespace: what the crawl left on it is copied out before.
  const { code, errors } = await crawlIn(
    ['unshare', '-rm', 'bash', '-c'],
    `mkdir ${small} && mount -t tmpfs -o size=1m tmpfs ${small} && trap 'cp -r ${small} ${kept}' EXIT;`,
    [`${site.url}/0`, '--corpus', small],
  );
  assert.equal(code, 1, errors);
  assert.equal(complaints(errors).length, 1, errors);
  assertWhole(kept);
  await assertGoesOn(kept, site.url);
});
