/** A command that waits for another writer of the ledger says who that is, hears a signal, and does its work once the other one is done. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { exportShards } from '../../dataset/export/export.ts';
import { smallUrl, writeSmallCorpus } from '../dataset/small-corpus.ts';
import { openCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { startSite } from '../helpers/site.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'lait-busy-ledger-'));
after(() => rmSync(folder, { recursive: true, force: true }));

before(async () => {
  await writeSmallCorpus(join(folder, 'whole'), { images: 3 });
  await exportShards({ corpusDir: join(folder, 'whole') });
  writeFileSync(join(folder, 'list.txt'), 'https://a.example/1.jpg\n');
});

/** So long a command may take that hears the signal, on any machine; one that does not would take ten minutes. */
const hearsWithinMs = 120_000;

/** Another process that writes: `lait regions`, as far as it says. Resolves when it has the lock. */
async function startWriter(corpus: string): Promise<ChildProcess> {
  const script = `
    import { lockPart, nameHolder } from ${JSON.stringify(join(root, 'dataset/corpus-lock.ts'))};
    import { Ledger } from ${JSON.stringify(join(root, 'dataset/ledger/ledger.ts'))};
    nameHolder('lait regions');
    const unlock = lockPart(${JSON.stringify(corpus)}, 'regions');
    const ledger = Ledger.open(${JSON.stringify(corpus)});
    ledger.db.exec('BEGIN IMMEDIATE');
    console.log('writing');
    setInterval(() => [unlock, ledger.db.inTransaction], 1000); // neither may be collected`;
  const writer = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(writer.stdout!, 'data');
  return writer;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Starts a command; `onWait` is called when it says that it waits. */
async function run(args: readonly string[], onWait: (child: ChildProcess) => void) {
  const child = spawn(process.execPath, [join(root, 'cli/lait.mjs'), ...args], { cwd: folder, stdio: 'pipe' });
  const timer = setTimeout(() => child.kill('SIGKILL'), hearsWithinMs);
  let said = '';
  let isWaiting = false;
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk) => {
      said += chunk;
      if (isWaiting || !said.includes('lait: waiting:')) return;
      isWaiting = true;
      onWait(child);
    });
  }
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { code: code ?? signal, said };
}

/** A crawl that only reads a list begins a corpus. */
const commands: readonly (readonly string[])[] = [
  ['filter', '--min-words', '1'],
  ['export'],
  ['report'],
  ['crawl', '--urls', 'list.txt', '--allow-private'],
  ['takedown', '--url', smallUrl(1)],
  ['ledger', 'explain', smallUrl(1)],
];

test('on Linux the line names who writes, and a signal ends the wait', {
  skip: process.platform !== 'linux',
}, async () => {
  for (const [command = '', ...args] of commands) {
    const corpus = join(folder, `stopped-${command}`);
    if (command !== 'crawl') cpSync(join(folder, 'whole'), corpus, { recursive: true });
    const writer = await startWriter(corpus);
    try {
      const { code, said } = await run([command, ...args, '--corpus', corpus], (child) => child.kill('SIGTERM'));
      assert.equal(code, 130, `${command}: ${said}`);
      const line = said.split('\n').find((one) => one.startsWith('lait: waiting:'));
      assert.ok(
        line?.startsWith(
          `lait: waiting: ${corpus}/ledger.db is being written by lait regions (pid ${writer.pid}, since `,
        ),
        `${command}: ${said}`,
      );
    } finally {
      await end(writer);
    }
  }
});

test('whoever holds the frontier is named in the same words as whoever holds the ledger', {
  skip: process.platform !== 'linux',
}, async () => {
  const corpus = join(folder, 'frontier');
  cpSync(join(folder, 'whole'), corpus, { recursive: true });
  Frontier.open(corpus).close();
  const other = new Database(join(corpus, 'frontier.db'));
  other.exec('BEGIN IMMEDIATE');
  try {
    for (const args of [
      ['crawl', 'http://127.0.0.1:9/', '--allow-private'],
      ['crawl', '--urls', 'list.txt', '--allow-private'],
    ]) {
      const { code, said } = await run([...args, '--corpus', corpus], () => {});
      assert.equal(code, 2, said);
      assert.match(
        said,
        new RegExp(
          `^lait: ${corpus}/frontier\\.db is being written by [^\\n]+ \\(pid ${process.pid}\\); wait for it to end, and run the same command again\\.\\n$`,
        ),
      );
    }
  } finally {
    other.close();
  }
});

test('what waited is done when the other one has ended', async () => {
  const corpus = join(folder, 'goes-on');
  cpSync(join(folder, 'whole'), corpus, { recursive: true });
  const writer = await startWriter(corpus);
  const { code, said } = await run(['filter', '--min-words', '1', '--corpus', corpus], () => void end(writer));
  assert.equal(code, 0, said);
});

test('a crawl that is stopped while another one writes leaves what is not written to the next one', async (t) => {
  const site = await startSite({
    routes: {
      '/robots.txt': '',
      '/': `<title>Boats</title><article><p>A text about boats on a river.</p>
        <figure><img src="/1.jpg" width="640" height="480" alt="A small boat on a wide river"></figure></article>`,
      '/1.jpg': await picture(1, { width: 640, height: 480 }),
    },
  });
  t.after(() => site.close());
  const corpus = join(folder, 'crawled');
  openCorpus(corpus).close();
  const crawl = ['crawl', `${site.url}/`, '--corpus', corpus, '--allow-private', '--render', 'never'];
  const writer = await startWriter(corpus);
  try {
    const { code, said } = await run(crawl, (child) => child.kill('SIGTERM'));
    assert.equal(code, 130, said);
  } finally {
    await end(writer);
  }
  const again = await run([...crawl, '--min-delay-ms', '0'], () => {});
  assert.equal(again.code, 0, again.said);
  const after = openCorpus(corpus);
  t.after(() => after.close());
  assert.deepEqual(after.images(), { '/1.jpg': 'success' });
});
