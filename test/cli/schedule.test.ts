/** `lait schedule` as a process: what stands in lait.yaml, a corpus in use, runs that fail, SIGTERM, and a terminal that closes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockCorpus } from '../../crawler/frontier/run-lock.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { startSite } from '../helpers/site.ts';

const lait = join(import.meta.dirname, '../../cli/lait.mjs');

/** After which words that are not printed are missing: a schedule has no end of its own. Far above what a busy machine takes. */
const patienceMs = 120_000;

/** A schedule in a process of its own, which ends with the test, and what it has printed so far. */
function start(t: TestContext, args: readonly string[]) {
  const child = spawn(process.execPath, [lait, 'schedule', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      printed += data;
      for (const look of listeners) look();
    });
  }
  /** Resolves when the words have been printed so often; rejects when the process ends before, or prints other words only. */
  const has = (words: RegExp, times = 1): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`expected ${times} times ${words} but ${why}: ${printed}`));
      const timer = setTimeout(() => fail('it printed'), patienceMs);
      child.once('close', () => fail('it ended'));
      const look = (): void => {
        if ((printed.match(new RegExp(words, 'g')) ?? []).length < times) return;
        clearTimeout(timer);
        resolve();
      };
      listeners.add(look);
      look();
    });
  return { child, has, printed: () => printed };
}

async function stop(child: ChildProcess): Promise<number | null> {
  child.kill('SIGTERM');
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

const config = (extra: string): string => `crawl:\n  allowPrivate: true\n  render: never\n  minDelayMs: 0\n${extra}`;
const everySecond = 'schedule:\n  cron: "* * * * * *"\n';

test('cron, time zone and what follows stand in lait.yaml; a failed run is logged and the next one comes', async (t) => {
  const site = await startSite({
    routes: { '/': '<main><p><img src="/1.jpg" alt="A wren on a branch"></p></main>', '/1.jpg': await picture(1) },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  writeFileSync(
    join(corpus.dir, 'lait.yaml'),
    config(
      `  seeds: ["${site.url}/"]\n${everySecond}  timezone: Asia/Tokyo\n  then: [filter, export]\nfilter:\n  minSidePx: 1000\n`,
    ),
  );
  const { child, has } = start(t, ['--corpus', corpus.dir]);
  // The picture is too small, so that nothing is left to export: an error of every run.
  await has(/this run failed, the next one comes\. Expected at least one kept pair/, 2);
  assert.equal(await stop(child), 130);
  const runs = readFileSync(join(corpus.dir, 'runs.jsonl'), 'utf8').trim().split('\n');
  const [first, second] = runs.map((line) => JSON.parse(line));
  assert.deepEqual(first.pages, { fetched: 1 });
  assert.match(second.error, /^Expected at least one kept pair/);
});

test('a run that meets a running crawl is left out with a line, one without its corpus makes none, and SIGTERM ends the wait', async (t) => {
  const corpus = temporaryCorpus();
  const unlock = lockCorpus(corpus.dir);
  t.after(() => {
    unlock();
    corpus.remove();
  });
  writeFileSync(join(corpus.dir, 'lait.yaml'), config(everySecond));
  const { child, has } = start(t, ['http://127.0.0.1:9/', '--corpus', corpus.dir]);
  await has(/this crawl is left out\. corpus .* is being written by another program \(pid/, 2);
  const moved = `${corpus.dir}-moved`;
  t.after(() => rmSync(moved, { recursive: true, force: true }));
  renameSync(corpus.dir, moved);
  // As where a disk is not mounted any more.
  mkdirSync(corpus.dir);
  await has(/Expected the corpus at .* but it is not there any more/, 2);
  assert.deepEqual(readdirSync(corpus.dir), []);
  assert.equal(await stop(child), 130);
});

test('a terminal that closes in a run ends it in good order', async (t) => {
  let asked: () => void = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  // Never answers.
  const site = await startSite({ routes: { '/robots.txt': { body: '' }, '/': () => asked() } });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  writeFileSync(join(corpus.dir, 'lait.yaml'), config(''));
  const { child } = start(t, [`${site.url}/`, '--corpus', corpus.dir, '--cron', '* * * * * *']);
  await isAsked;
  child.stdout!.destroy();
  child.stderr!.destroy();
  // The kernel and the shell both send it.
  child.kill('SIGHUP');
  child.kill('SIGHUP');
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 130);
  assert.equal(existsSync(join(corpus.dir, 'locks', 'crawl.json')), false);
  assert.match(readFileSync(join(corpus.dir, 'runs.jsonl'), 'utf8'), /"stoppedBy":"signal"/);
});

test('a mistake that every run would meet is refused before the first wait', async (t) => {
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  for (const [args, words] of [
    [['http://127.0.0.1:9/', '--allow-private'], /Expected a pattern for --cron or schedule\.cron/],
    [['http://127.0.0.1:9/', '--allow-private', '--cron', '0 0 31 2 *'], /that some day to come matches/],
    [['https://example.org/', '--cron', '* * * * *'], /Expected a contact/],
  ] as const) {
    const { child, printed } = start(t, [...args, '--corpus', corpus.dir]);
    const [code] = await once(child, 'close');
    assert.equal(code, 2);
    assert.match(printed(), words);
  }
});
