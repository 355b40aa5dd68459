/** A thread's code in one file: made once, anew when what it was made from changes, and the same as the code it was made from. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { threadFile } from '../../../crawler/workers/built-thread.ts';
import { type TaskInput, type TaskName, tasks } from '../../../crawler/workers/tasks.ts';
import { sharedLength } from '../../../crawler/workers/thread.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-built-'));
test.after(() => rmSync(folder, { recursive: true }));
const longAgo = new Date(0);

/** Whether the file was made by this call. */
async function isMade(): Promise<boolean> {
  const path = fileURLToPath(await threadFile(folder));
  assert.deepEqual(readdirSync(folder), [path.slice(folder.length + 1)]);
  const isNew = statSync(path).mtimeMs !== longAgo.getTime();
  utimesSync(path, longAgo, longAgo);
  return isNew;
}

describe('the file of a thread', () => {
  /** Each is done to the file before it is asked for again. */
  const cases: { name: string; change: (content: string) => string; isMade: boolean }[] = [
    { name: 'as it was made', change: (content) => content, isMade: false },
    { name: 'cut off', change: (content) => content.slice(0, 100), isMade: true },
    { name: 'empty', change: () => '', isMade: true },
    {
      name: 'made from other contents',
      change: (content) => content.replace(/"sha256":"./, '"sha256":"x'),
      isMade: true,
    },
    {
      name: 'made from a file that is gone',
      change: (content) => content.replace('"inputs":[', '"inputs":["crawler/no-such-file.ts",'),
      isMade: true,
    },
  ];
  for (const { name, change, isMade: expected } of cases) {
    test(name, async () => {
      await isMade();
      const path = fileURLToPath(await threadFile(folder));
      writeFileSync(path, change(readFileSync(path, 'utf8')));
      utimesSync(path, longAgo, longAgo);
      assert.equal(await isMade(), expected);
    });
  }

  test('that cannot be written is the one that reads TypeScript', async () => {
    const file = join(folder, 'no-folder');
    writeFileSync(file, '');
    assert.match((await threadFile(file)).pathname, /\/crawler\/workers\/thread\.mjs$/);
    rmSync(file);
  });

  test('runs every task as the code that it was made from', async (t) => {
    const url = 'https://example.jp/';
    const html =
      '<title>a</title><main><figure><img src="/a.jpg" alt="x"><figcaption>TEXT</figcaption></figure></main>';
    // Shift_JIS that nothing declares: chardetng, which is a file beside the code, has to tell.
    const caption = Buffer.from('kqmCzI1ggsmW34LBgsSCq4K9i5mRRA==', 'base64').toString('latin1');
    const bytes = Buffer.from(html.replace('TEXT', caption), 'latin1');
    const sitemap = Buffer.from('<urlset><url><loc>/a</loc></url></urlset>');
    const rsl = '<rsl><content url="/"><license><prohibits type="usage">ai-train</prohibits></license></content></rsl>';
    const inputs: { readonly [Name in TaskName]: TaskInput<Name> } = {
      page: { bytes, contentType: 'text/html', url, referrerPolicy: null },
      renderedPage: { html, url, referrerPolicy: 'no-referrer' },
      sitemap: { bytes: sitemap, contentType: undefined, url },
      robots: 'User-agent: lait\nDisallow: /x\nCrawl-delay: 2',
      tdmrep: '[{"location":"/","tdm-reservation":1}]',
      rsl,
    };
    assert.match(JSON.stringify(tasks.page(inputs.page).images), /朝の港に戻ってきた漁船/);
    const names = Object.keys(inputs) as TaskName[];
    const worker = new Worker(await threadFile(folder), {
      workerData: new Int32Array(new SharedArrayBuffer(4 * sharedLength)),
    });
    t.after(() => worker.terminate());
    const answers: unknown[] = [];
    const isDone = new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (answer) => {
        if (answers.push(answer) === names.length) resolve();
      });
    });
    names.forEach((name, i) => {
      worker.postMessage({ number: i + 1, name, input: inputs[name] });
    });
    await isDone;
    const run = async (name: TaskName) => (tasks[name] as (input: unknown) => unknown)(inputs[name]);
    const values = await Promise.all(names.map(run));
    assert.deepEqual(
      answers,
      values.map((value, i) => ({ number: i + 1, value })),
    );
  });
});
