/**
 * The whole line as a user types it: crawl, filter, export, regions, pretrain, evaluate, and once more by relevance, each a process of its own, on a small
 * edition of the demo's website. Crawl, export and pretrain are killed half-way once and started again.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { outcome } from '../cli/demo/outcome.ts';
import { type DemoSite, startDemoSite } from '../cli/demo/site.ts';
import { findBrowser } from '../cli/setup/browser.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';

const root = join(import.meta.dirname, '..');
// Chromium does not start its sandbox for root; the only pages it sees here are ours.
const env = { ...process.env, ...(process.getuid?.() === 0 ? { LAIT_NO_SANDBOX: '1' } : {}) };

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command; `killWhen` ends it with SIGKILL as soon as its output or the folder says so. */
function lait(args: readonly string[], killWhen?: (output: string) => boolean): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'cli/lait.mjs'), ...args], { env });
    let output = '';
    const look = (): void => {
      if (killWhen?.(output)) child.kill('SIGKILL');
    };
    const timer = setInterval(look, 20);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data;
        look();
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(timer);
      resolve({ code, output });
    });
  });
}

describe('the whole line', () => {
  let corpus = '';
  let site: DemoSite;
  before(async () => {
    corpus = await mkdtemp(join(tmpdir(), 'lait-line-'));
    site = await startDemoSite({ pictures: 240 });
  });
  after(async () => {
    await site.close();
    await rm(corpus, { recursive: true });
  });

  const run = async (...args: string[]): Promise<string> => {
    const { code, output } = await lait([...args, '--corpus', corpus]);
    assert.equal(code, 0, output);
    return output;
  };
  const killed = async (args: readonly string[], when: (output: string) => boolean): Promise<void> => {
    const { code } = await lait([...args, '--corpus', corpus], when);
    assert.equal(code, null, 'it was to be killed before its end');
  };

  it('crawls, killed once', async () => {
    const crawl = ['crawl', site.url, '--allow-private', '--min-delay-ms', '0'];
    await killed(crawl, () => existsSync(join(corpus, 'raw/000000.tar')));
    const output = await run(...crawl);
    assert.match(output, /pairs +[\d,]+ in the corpus/);
    const ledger = Ledger.open(corpus);
    const one = (sql: string): unknown => ledger.db.prepare(sql).pluck().get();
    const rendered = (await findBrowser()) !== undefined;
    assert.equal(
      one(`SELECT count(*) FROM images WHERE status = 'success' AND url LIKE '%/media/%'`),
      site.pictureCount - (rendered ? 0 : site.galleryPictureCount),
    );
    assert.equal(one(`SELECT reason FROM images WHERE url LIKE '%/media/gone.jpg'`), 'http-404');
    assert.equal(one(`SELECT status FROM images WHERE url LIKE '%/media/not-a-picture.png'`), 'failed_to_decode');
    assert.equal(one(`SELECT count(*) FROM pages WHERE url LIKE '%/private/%' AND status = 'fetched'`), 0);
    assert.equal(one(`SELECT reason FROM pages WHERE url LIKE '%/private/%'`), 'robots');
    assert.equal(
      one(
        `SELECT count(*) FROM pairs JOIN images i ON i.id = image_id WHERE text LIKE '%posters%' AND i.status = 'success'`,
      ),
      0,
    );
    assert.equal(
      one(`SELECT count(DISTINCT image_id) FROM pairs WHERE page_url LIKE '%/en/gallery' AND source = 'alt'`),
      rendered ? site.galleryPictureCount : 0,
    );
    ledger.close();
  });

  it('filters and shows the funnel', async () => {
    const output = await run('filter');
    for (const reason of ['is-fr', 'is-ru', 'too-small', 'too-wide', 'same-bytes', 'http-404']) {
      assert.match(output, new RegExp(`${reason} \\d+`), reason);
    }
    const kept = /([\d,]+) of ([\d,]+) pairs kept/.exec(output);
    assert.ok(kept, output);
    assert.ok(Number(kept[1]?.replace(',', '')) >= 60, output);
    // A second run judges nothing, so it has the same counts and no speeds.
    const counts = (text: string): string[] =>
      text
        .slice(text.indexOf('text/clean'))
        .split('\n')
        .flatMap((line) => /^\S+( +[\d,]+){3}(?= |$)/.exec(line)?.[0].replace(/ +/g, ' ') ?? []);
    assert.ok(counts(output).length > 15, output);
    assert.deepEqual(counts(await run('filter')), counts(output));
  });

  const exportArgs = ['export', '--validation-fraction', '0.3', '--samples-per-shard', '20'];

  it('exports the same bytes after a kill as without', async () => {
    await run(...exportArgs);
    const undisturbed = await filesOf(join(corpus, 'shards'));
    await rm(join(corpus, 'shards'), { recursive: true });
    await killed(exportArgs, () => existsSync(join(corpus, 'shards/train/00000_stats.json')));
    await run(...exportArgs);
    assert.deepEqual(await filesOf(join(corpus, 'shards')), undisturbed);
    assert.match(await run(...exportArgs), /: 0 shards written, /);
  });

  it('detects regions', async () => {
    assert.match(await run('regions', '--input-side-px', '128'), /[\d,]+ regions of \d+ images/);
  });

  const pretrain = ['pretrain', '--steps', '12', '--batch-size', '16', '--checkpoint-every-steps', '4'];

  it('pretrains, killed once, to the weights of an undisturbed run', async () => {
    const output = await run(...pretrain, '--run', 'undisturbed');
    for (const objective of ['mlm', 'moc', 'mrfr', 'itm']) assert.match(output, new RegExp(`${objective} \\d+\\.\\d+`));
    const checkpoints = join(corpus, 'runs/killed/checkpoints');
    await killed([...pretrain, '--run', 'killed'], () => existsSync(join(checkpoints, 'step-00000004')));
    await run(...pretrain, '--run', 'killed');
    const weights = (name: string): Promise<Buffer> =>
      readFile(join(corpus, 'runs', name, 'checkpoints/step-00000012/model.safetensors'));
    assert.ok((await weights('killed')).equals(await weights('undisturbed')));
  });

  it('evaluates beside a linear map and chance', async () => {
    const output = await run('evaluate', '--run', 'killed');
    assert.match(
      output,
      /image for a text +\d+\.\d % +\d+\.\d % +\d+\.\d %\n(?: +contrast .*\n)* +linear map to words .*\n +linear map without hubs .*\n +chance/,
    );
  });

  it('filters by maps of what it learned, exports beside the first shards, trains again, and the site tells what that did', async () => {
    const relevance = [
      '--relevance',
      join(corpus, 'runs/killed'),
      '--relevance-head',
      'map',
      '--relevance-share',
      '0.8',
    ];
    const funnel = await run('filter', ...relevance);
    const [, seen] = /match\/relevance +([\d,]+) +0 /.exec(funnel) ?? [];
    const [, dropped] = /corpus\/relevance-share +[\d,]+ +([\d,]+) /.exec(funnel) ?? [];
    assert.equal(Number(dropped), Math.floor(0.2 * Number(seen)), funnel);
    const shards = join(corpus, 'relevant');
    await run('export', '--validation-fraction', '0.3', '--out', shards);
    assert.match(await run('regions', '--input-side-px', '128', '--shards', shards), /\d+ kept/);
    await run(...pretrain, '--run', 'again', '--shards', shards);
    const runOf = (name: string, folder: string) => ({
      name,
      dir: join(corpus, 'runs', name),
      shards: join(corpus, folder),
    });
    const [texts, retrieval] = await outcome({
      corpusDir: corpus,
      regions: join(corpus, 'regions/centernet'),
      truth: site.truth,
      rule: 'corpus/relevance-share',
      runs: [runOf('killed', 'shards'), runOf('again', 'relevant')],
      signal: new AbortController().signal,
    });
    const [, ...kinds] = texts!.rows;
    assert.deepEqual(
      kinds.map(([kind]) => kind),
      ['swapped', 'misleading', 'generic', 'right', 'any, by chance'],
    );
    const counts = kinds.map(([, all, gone]) => [Number(all), Number(gone)] as const);
    const sum = (at: 0 | 1) => counts.slice(0, 4).reduce((total, row) => total + row[at], 0);
    assert.deepEqual([sum(0), sum(1)], counts[4]);
    // A text or two are neither a picture's own nor planted, such as the site's title.
    assert.ok(Number(seen) - sum(0) <= 2 && Number(dropped) - sum(1) <= 2, JSON.stringify({ seen, dropped, counts }));
    assert.deepEqual(
      retrieval!.rows.map(([name]) => name?.replace(/, \d+ pictures/, '')),
      [
        '',
        ...['killed', 'again'].flatMap((name) => [name, '  linear map to words', '  linear map without hubs']),
        'chance',
      ],
    );
  });
});

/** Every file below a folder with its contents. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.sort().map(async (path) => [path, await readFile(path, 'latin1')] as const)));
}
