/** The pool of threads: what costs too much ends as a reason, and nothing else notices. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { tasks } from '../../../crawler/workers/tasks.ts';
import { openWorkers, type WorkersOptions } from '../../../crawler/workers/workers.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { startSite } from '../../helpers/site.ts';

/** The parser looks for each end tag in the 4,900 elements that are open: some ten billion steps, five seconds, the most that we could find. */
const slow = `${'<div>'.repeat(4900)}${'</a>'.repeat(1_900_000)}`;
/** A tree of a million elements. */
const large = '<p>a<p>b'.repeat(500_000);
const good = '<main><p><img src="/i.jpg" alt="A picture of a boat"></p></main>';

const url = 'https://a.test/';
const pageOf = (html: string) => ({ bytes: Buffer.from(html), contentType: 'text/html', url, referrerPolicy: null });

describe('tasks', () => {
  const cases: { name: string; html: string; options: WorkersOptions }[] = [
    { name: 'that take too much CPU time', html: slow, options: { maxCpuMs: 300 } },
    { name: 'that take too much memory', html: large, options: { maxHeapMb: 48 } },
  ];
  for (const { name, html, options } of cases) {
    test(`${name} end as too costly; those beside, before and after them do not`, async (t) => {
      const workers = openWorkers({ threads: 2, ...options });
      t.after(() => workers.close());
      const expected = { done: true, value: tasks.page(pageOf(good)) };
      const inputs = [good, html, good, html, html, good];
      const results = await Promise.all(inputs.map((input) => workers.run('page', pageOf(input))));
      assert.deepEqual(
        results,
        inputs.map((input) => (input === good ? expected : { done: false, reason: 'too-costly' })),
      );
      assert.deepEqual(await workers.run('page', pageOf(good)), expected);
    });
  }

  test('that take long hold up no others', async (t) => {
    const workers = openWorkers({ threads: 1, maxCpuMs: 2500 });
    t.after(() => workers.close());
    const ended: string[] = [];
    const run = async (name: string, html: string) => {
      const { done } = await workers.run('page', pageOf(html));
      ended.push(`${name} ${done}`);
    };
    // The first goes alone, so that the others are sent together.
    await Promise.all([run('first', good), run('slow', slow), run('behind it', good)]);
    assert.deepEqual(ended, ['first true', 'behind it true', 'slow false']);
  });

  test('wait no longer than the end: one that runs and one that waits end as stopped', async () => {
    const workers = openWorkers({ threads: 1 });
    const running = [slow, good].map((html) => workers.run('page', pageOf(html)));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await workers.close();
    const stopped = { done: false, reason: 'stopped' };
    assert.deepEqual(await Promise.all(running), [stopped, stopped]);
    assert.deepEqual(await workers.run('robots', ''), stopped);
  });

  test('keep what they were given, and throw what they throw', async (t) => {
    const workers = openWorkers({ threads: 1 });
    t.after(() => workers.close());
    const input = pageOf(good);
    await workers.run('page', input);
    assert.equal(input.bytes.toString(), good);
    await assert.rejects(workers.run('page', { ...input, url: 'no URL' }), /Invalid URL/);
  });
});

test('a page that costs too much is in the ledger with that reason, and the crawl goes on', async (t) => {
  const site = await startSite({
    routes: { '/': '<a href="/slow">x</a> <a href="/good">x</a>', '/slow': slow, '/good': good },
  });
  const corpus = temporaryCorpus();
  const workers = openWorkers({ maxCpuMs: 300 });
  t.after(async () => {
    await workers.close();
    corpus.remove();
    await site.close();
  });
  const summary = await crawl(
    { seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never', images: false },
    { ...corpus, workers },
  );
  assert.equal(summary.stoppedBy, 'finished');
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/slow': 'too-costly', '/good': 'fetched' });
});

test('SIGTERM while a hostile page is read ends the command with 130, and the page stays queued', async (t) => {
  const site = await startSite({ routes: { '/': slow } });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const lait = join(import.meta.dirname, '../../../cli/lait.mjs');
  const args = ['crawl', site.url, '--corpus', corpus.dir, '--allow-private', '--min-delay-ms', '0'];
  const child = spawn(process.execPath, [lait, ...args], { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  while (!site.hits.get('/')) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const startMs = performance.now();
  child.kill('SIGTERM');
  assert.equal(await ended, 130);
  assert.ok(performance.now() - startMs < 10_000);
  assert.deepEqual(corpus.pages(), {});
});
