/** The `lait` command as a user starts it: a process, its exit code and what it prints. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = join(import.meta.dirname, '../..');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const lait = (...args: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'cli/lait.mjs'), ...args], { cwd: tmpdir() }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });

describe('lait', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lait-main-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('exits with 2 for an unknown command and suggests the near one', async () => {
    const { code, stderr } = await lait('filtr');
    assert.equal(code, 2);
    assert.match(stderr, /Did you mean filter/);
  });

  it('exits with 2 for an unknown flag', async () => {
    const { code, stderr } = await lait('filter', '--min-side', '3');
    assert.equal(code, 2);
    assert.match(stderr, /unknown option '--min-side'/);
  });

  it('ends in silence, as by SIGHUP, when its reader has left', async () => {
    const child = spawn(process.execPath, [join(root, 'cli/lait.mjs'), 'import', '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const [, signal] = await once(child, 'close');
    assert.deepEqual({ signal, stderr }, { signal: 'SIGHUP', stderr: '' });
  });

  it('exits with 2 and one line for a corpus that is not there', async () => {
    const { code, stderr } = await lait('filter', '--corpus', join(folder, 'none'));
    assert.equal(code, 2);
    assert.equal(
      stderr,
      `lait: Expected a crawled corpus at ${join(folder, 'none/ledger.db')} but there is none; run \`lait crawl\` first.\n`,
    );
  });

  it('exits with 2 for a broken lait.yaml and names the line', async () => {
    await writeFile(join(folder, 'lait.yaml'), 'filter:\n  minSidePx: wide\n');
    const { code, stderr } = await lait('filter', '--corpus', folder);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^lait: Expected a number for filter\.minSidePx but received "wide"; edit .*lait\.yaml, line 2\.\n$/,
    );
    await rm(join(folder, 'lait.yaml'));
  });

  it('init writes a file once and never over another', async () => {
    const corpus = join(folder, 'new');
    assert.equal((await lait('init', corpus)).code, 0);
    assert.match(await readFile(join(corpus, 'lait.yaml'), 'utf8'), /maxPages: 100000/);
    assert.equal((await lait('init', corpus)).code, 2);
  });

  const names = [
    'init',
    'crawl',
    'schedule',
    'retry',
    'filter',
    'report',
    'train-relevance',
    'export',
    'import',
    'verify',
  ];
  const more = ['takedown', 'regions', 'pretrain', 'finetune', 'evaluate', 'match', 'demo', 'doctor', 'setup'];
  for (const command of [...names, ...more]) {
    it(`${command} --help shows an example`, async () => {
      const { code, stdout } = await lait(command, '--help');
      assert.equal(code, 0);
      assert.match(stdout, /Example:\n {2}\$ (npx )?(LAIT_\S+ )?(npx )?lait /);
    });
  }
});
