/** A thread's code in one file: made once, anew when what it was made from changes, and the same as the code it was made from. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { threadFile } from '../../../crawler/workers/built-thread.ts';
import { runTasks, type Task } from '../../../crawler/workers/thread.ts';

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

  test('runs every task as the code that it was made from', async () => {
    const built: { runTasks: typeof runTasks } = await import((await threadFile(folder)).href);
    const url = 'https://example.jp/';
    const html =
      '<title>a</title><main><figure><img src="/a.jpg" alt="x"><figcaption>TEXT</figcaption></figure></main>';
    // Shift_JIS that nothing declares: chardetng, which is a file beside the code, has to tell.
    const caption = Buffer.from('kqmCzI1ggsmW34LBgsSCq4K9i5mRRA==', 'base64').toString('latin1');
    const page = Buffer.from(html.replace('TEXT', caption), 'latin1');
    const tasks: Task[] = [
      { name: 'page', input: { bytes: page, contentType: 'text/html', url, referrerPolicy: null } },
      { name: 'renderedPage', input: { html, url, referrerPolicy: 'no-referrer' } },
      {
        name: 'sitemap',
        input: { bytes: Buffer.from('<urlset><url><loc>/a</loc></url></urlset>'), contentType: undefined, url },
      },
      { name: 'robots', input: 'User-agent: lait\nDisallow: /x\nCrawl-delay: 2' },
      { name: 'tdmrep', input: '[{"location":"/","tdm-reservation":1}]' },
      {
        name: 'rsl',
        input: '<rsl><content url="/"><license><prohibits type="usage">ai-train</prohibits></license></content></rsl>',
      },
    ];
    const [answers, expected] = await Promise.all(
      [built, { runTasks }].map((code) =>
        code.runTasks({ tasks, states: new Int32Array(new SharedArrayBuffer(4 * tasks.length)) }),
      ),
    );
    assert.deepEqual(answers, expected);
    assert.equal(answers!.length, tasks.length);
    assert.match(JSON.stringify(answers![0]), /朝の港に戻ってきた漁船/);
  });
});
