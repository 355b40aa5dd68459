/**
 * The package as others install it: packed, laid into a project of its own, beside it only the packages that it asks for. Types, every
 * entry, the command from crawl to export, and the examples.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { openChromium } from './helpers/chromium.ts';
import { picture } from './helpers/picture.ts';
import { type Site, startSite } from './helpers/site.ts';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const project = mkdtempSync(join(tmpdir(), 'lait-package-'));
const installed = join(project, 'node_modules/lait');
after(() => rmSync(project, { recursive: true }));

const run = async (program: string, args: readonly string[]): Promise<string> => {
  const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: project, maxBuffer: 1 << 24 });
  return stdout + stderr;
};
const lait = (...args: readonly string[]): Promise<string> =>
  run(process.execPath, [join(installed, 'cli/lait.mjs'), ...args]);

/** Packages of the checkout by links: of those that the package depends on, and of the types that a project of TypeScript has. */
function link(name: string): void {
  const from = join(root, 'node_modules', name);
  const to = join(project, 'node_modules', name);
  if (!existsSync(from)) return;
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(from, to);
}

/** Between the sharpest pictures and the others, by their stored scores. */
async function medianSharpness(folder: string): Promise<number> {
  const db = new Database(join(folder, 'birds/ledger.db'), { readonly: true });
  const scores = db
    .prepare(`SELECT score FROM scores WHERE rule = 'image/blur' ORDER BY score`)
    .pluck()
    .all() as number[];
  db.close();
  return scores[Math.ceil(scores.length / 2)]!;
}

const browserHere = await openChromium();
const noChromium = browserHere === null && 'no Chromium';
await browserHere?.close();

let site: Site;
before(async () => {
  // `npm test` has built what its commands run.
  if (process.env.LAIT_DIST !== '1') execFileSync(process.execPath, [join(root, 'build.mjs')], { stdio: 'ignore' });
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
  });
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['xzf', join(project, JSON.parse(packed)[0].filename), '-C', installed, '--strip-components=1']);
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) link(name);
  link('@types/node');
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  const names = ['wren', 'robin', 'heron', 'stork', 'raven', 'finch', 'eagle', 'goose', 'crane', 'swift'];
  const page = names.map(
    (name, at) =>
      `<figure><img src="/${name}.jpg" width="480" height="400" alt="A ${name} sits on the branch of an old tree near the river"><figcaption>Bird number ${at} of the ${name} family${at === 3 ? ', is it?' : ''}</figcaption></figure>`,
  );
  const pictures = await Promise.all(
    names.map(async (name, at) => [`/${name}.jpg`, await picture(at, { width: 480, height: 400 })] as const),
  );
  site = await startSite({ routes: { '/': `<main>${page.join('\n')}</main>`, ...Object.fromEntries(pictures) } });
});
after(() => site?.close());

describe('the package', { concurrency: 1 }, () => {
  it('has code and types, and nothing that only the project needs', () => {
    const files = readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1));
    assert.deepEqual(
      files.filter((file) => /^(?:test|bench|docs|\.)|\.test\.|(?<!\.d)\.ts$/.test(file)),
      [],
    );
    for (const entry of Object.values<string>(manifest.exports)) assert.ok(files.includes(entry.slice(2)), entry);
    assert.ok(files.includes('LICENSE') && files.includes('README.md'));
    assert.ok(!('private' in manifest));
  });

  it('has types of every entry that a strict project can use', async () => {
    writeFileSync(
      join(project, 'use.ts'),
      `import { crawl, type CrawlSummary, exportShards, Ledger, recipe, screen, version } from 'lait';
import { crawlDefaults } from 'lait/crawler';
import { type Filter, keep } from 'lait/filters';
import { type Pair, readShards } from 'lait/dataset';
import { type Detector, presets } from 'lait/model';
export const rule: Filter = { name: 'own/any', settings: {}, judge: ({ text }: Pair) => (text === '' ? { keep: false, reason: 'empty' } : keep) };
export const done = (one: CrawlSummary): number => one.rendered + crawlDefaults.maxPages + presets.tiny.layers;
export const width = (one: Detector): number => one.featureSize;
// @ts-expect-error a seed is a text
crawl({ seeds: [1], corpusDir: 'x' }, { ledger: Ledger.open('x') });
export { exportShards, readShards, recipe, screen, version };
`,
    );
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'ES2023',
      noEmit: true,
      types: ['node'],
      skipLibCheck: true,
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--project', project]);
  });

  it('can be imported without TensorFlow but for the model', async () => {
    const code = `for (const name of ['lait', 'lait/crawler', 'lait/filters', 'lait/dataset']) await import(name);
console.log(process.binding ? 'ok' : '', require('node:fs').readFileSync('/proc/self/maps', 'utf8').includes('libtensorflow'));`;
    writeFileSync(
      join(project, 'entries.mjs'),
      `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);\n${code}`,
    );
    assert.match(await run(process.execPath, ['entries.mjs']), /ok false/);
    writeFileSync(
      join(project, 'model.mjs'),
      `console.log(Object.keys(await import('lait/model')).includes('pretrain'))`,
    );
    assert.equal(await run(process.execPath, ['model.mjs']), 'true\n', 'and the model says nothing of its own');
  });

  it('crawls, filters and exports, with threads and addons', async () => {
    assert.match(await lait('--help'), /pretrain/);
    assert.equal((await lait('--version')).trim(), manifest.version);
    const crawled = await lait(
      'crawl',
      `${site.url}/`,
      '--allow-private',
      '--min-delay-ms',
      '0',
      '--render',
      'never',
      '--corpus',
      'birds',
    );
    assert.match(crawled, /images +success 10/);
    await lait('filter', '--corpus', 'birds', '--min-bytes', '100');
    const args = ['export', '--corpus', 'birds', '--json', '--validation-fraction', '0'];
    const exported = JSON.parse(
      execFileSync(process.execPath, [join(installed, 'cli/lait.mjs'), ...args], { cwd: project, encoding: 'utf8' }),
    );
    assert.ok(exported.splits.train.samples >= 5, JSON.stringify(exported));
  });

  it('shows the corpus, page, thread and all', async () => {
    const view = spawn(process.execPath, [join(installed, 'cli/lait.mjs'), 'view', '--corpus', 'birds'], {
      cwd: project,
    });
    try {
      const [line] = (await once(createInterface(view.stdout), 'line')) as [string];
      const address = /http:\S+/.exec(line)![0];
      const first = await fetch(address);
      const headers = { cookie: first.headers.get('set-cookie')!.split(';')[0]! };
      for (const path of ['/page/app.js', '/page/style.css', '/page/icon.svg', '/node_modules/lit-html/lit-html.js']) {
        assert.equal((await fetch(new URL(path, address), { headers })).status, 200, path);
      }
      const corpus = await fetch(new URL('/api/corpus', address), { headers });
      assert.equal(((await corpus.json()) as { funnel: { found: number } }).funnel.found, 20);
    } finally {
      view.kill('SIGINT');
    }
    assert.deepEqual(await once(view, 'exit'), [130, null]);
  });

  it('docs/start.md leads to a corpus with a moved threshold, word for word', { skip: noChromium }, async () => {
    const folder = join(project, 'start');
    mkdirSync(folder);
    mkdirSync(join(project, 'node_modules/.bin'), { recursive: true });
    symlinkSync('../lait/cli/lait.mjs', join(project, 'node_modules/.bin/lait'));
    chmodSync(join(installed, 'cli/lait.mjs'), 0o755);
    const blocks = [...readFileSync(join(root, 'docs/start.md'), 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)];
    const [installing = '', ...later] = blocks.map(([, commands]) => commands!);
    assert.ok(installing.includes(`lait-${manifest.version}.tgz`), 'which was done above');
    const commands = later.flatMap((block) => block.trim().split('\n'));
    assert.deepEqual(commands.map((command) => command.split(' ')[2]), ['init', 'crawl', 'filter', 'view', 'filter', 'export', 'verify']); // biome-ignore format: one line
    const said: string[] = [];
    for (const command of commands) {
      // The site is on this machine and ours.
      const here = command.replace(
        'https://example.org/',
        `${site.url}/ --allow-private --min-delay-ms 0 --render never`,
      );
      if (command.includes(' view ')) await moveThreshold(here, folder);
      else said.push((await promisify(execFile)('sh', ['-c', here], { cwd: folder })).stdout);
    }
    const [, crawled = '', before = '', after = '', exported = '', verified = ''] = said;
    assert.match(crawled, /images +success 10/);
    const kept = (funnel: string) => Number(/^(\d+) of 20 pairs kept/m.exec(funnel)?.[1]);
    assert.equal(kept(before), 10);
    assert.ok(kept(after) > 0 && kept(after) < 10, after);
    const samples = [...exported.matchAll(/^(?:train|validation) +(\d+) /gm)].map(([, count]) => Number(count));
    assert.equal(samples.reduce((sum, count) => sum + count, 0), kept(after)); // biome-ignore format: one line
    assert.match(verified, /all as the manifest says/);
  });

  /** Opens the workbench as a person would, moves the threshold of image/blur and uses it, and presses Ctrl-C. */
  async function moveThreshold(command: string, folder: string): Promise<void> {
    const view = spawn('sh', ['-c', `exec ${command}`], { cwd: folder, detached: true });
    const browser = await openChromium();
    try {
      const [line] = (await once(createInterface(view.stdout), 'line')) as [string];
      const page = browser!.page;
      await page.goto(/http:\S+/.exec(line)![0]);
      await page.locator('.card').first().waitFor();
      await page.getByRole('link', { name: 'Thresholds' }).click();
      const blur = page.locator('#image-blur');
      await blur.locator('.outcome').waitFor();
      await blur.getByLabel('minSharpness').fill(String(await medianSharpness(folder)));
      await blur.getByLabel('minSharpness').press('Enter');
      await blur.locator('.card').first().waitFor();
      await blur.getByRole('button', { name: 'Use this' }).click();
      await blur.getByText('lait filter --corpus').waitFor();
    } finally {
      await browser?.close();
      process.kill(-view.pid!, 'SIGINT'); // as a terminal does: to all processes of the command
      await once(view, 'close');
    }
  }

  describe('examples', () => {
    before(() => cpSync(join(root, 'examples'), join(project, 'examples'), { recursive: true }));

    it('read_shards.py prints a line for each sample', async () => {
      const lines = (await run('python3', ['examples/read_shards.py', 'birds'])).trim().split('\n');
      assert.ok(lines.length >= 5);
      assert.match(lines[0]!, /^\d+\t\d+ bytes\t.*\w{4}/);
    });

    it('own-detector.mjs writes four regions a picture, own-training.mjs trains on them', async () => {
      assert.match(
        await run(process.execPath, ['examples/own-detector.mjs', 'birds']),
        /quarters: \d+ regions of \d+ images/,
      );
      const said = await run(process.execPath, ['examples/own-training.mjs', 'birds', '10']);
      assert.match(said, /step 10, loss \d/);
      assert.match(said, /checkpoints\/step-00000010\n$/);
      assert.ok(existsSync(join(project, 'birds/runs/own/checkpoints/step-00000010/model.safetensors')));
    });

    it('own-rule.mjs drops what asks', async () => {
      assert.match(await run(process.execPath, ['examples/own-rule.mjs', 'birds']), /^own\/questions dropped [1-9]/m);
    });
  });
});
