/** With --json a command prints its result on standard output as one JSON document and nothing else there. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Command } from 'commander';
import { addCommands } from '../../cli/commands.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-json-'));
const home = process.cwd();
process.chdir(folder);
after(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const lait = async (...args: readonly string[]): Promise<{ code: number; result: Record<string, unknown> }> => {
  const { code, stdout, stderr } = await ranInProcess([...args, '--json']);
  try {
    return { code, result: JSON.parse(stdout) };
  } catch {
    throw new Error(`Expected JSON of lait ${args.join(' ')} but received ${stdout}${stderr}`);
  }
};

describe('--json', () => {
  let site: Site;
  before(async () => {
    const pages = `<p><img src="/wren.jpg" alt="A wren sits on a mossy branch near the river" width="400" height="400"></p><img src="/none.jpg" alt="A picture that is not there any more">`;
    site = await startSite({ routes: { '/': pages, '/wren.jpg': await picture(1, { width: 400, height: 400 }) } });
  });
  after(() => site.close());

  it('of every step of a corpus', async () => {
    const corpus = ['--corpus', 'birds'];
    const crawled = await lait('crawl', `${site.url}/`, '--allow-private', '--min-delay-ms', '0', ...corpus);
    assert.deepEqual(
      [crawled.code, crawled.result.pages, crawled.result.images, crawled.result.pairs],
      [0, { fetched: 1 }, { success: 1, failed_to_download: 1 }, 2],
    );
    const judged = await lait('filter', ...corpus);
    assert.deepEqual([judged.code, judged.result.found], [0, 2]);
    const written = await lait('export', ...corpus);
    assert.deepEqual([written.code, written.result.version], [0, 1]);
    const checked = await lait('verify', ...corpus);
    assert.deepEqual([checked.code, checked.result.faults, checked.result.damages], [0, [], []]);
    const story = await lait('ledger', 'explain', `${site.url}/wren.jpg`, ...corpus);
    assert.equal((story.result.pairs as { imageUrl: string }[])[0]?.imageUrl, `${site.url}/wren.jpg`);
    assert.deepEqual(await lait('retry', '--reason', 'http-404', ...corpus), {
      code: 0,
      result: { pages: 0, images: 1 },
    });
    const removed = await lait('takedown', '--url', `${site.url}/wren.jpg`, ...corpus);
    assert.deepEqual([removed.code, removed.result.images, removed.result.left], [0, 1, []]);
    const back = await lait('takedown', '--undo', '--url', `${site.url}/wren.jpg`, ...corpus);
    assert.deepEqual([back.code, back.result.images], [0, [`${site.url}/wren.jpg`]]);
    writeFileSync(join(folder, 'list.tsv'), `A wren\t${site.url}/wren.jpg\n`);
    const listed = await lait('import', 'urls', 'list.tsv', ...corpus);
    assert.deepEqual([listed.code, listed.result.rows], [0, 1]);
  });

  it('is a flag of all commands that have a result', async () => {
    const program = new Command();
    await addCommands(program, () => true);
    const all = program.commands.flatMap((command) => [command, ...command.commands]);
    const without = all
      .filter(({ options }) => !options.some(({ long }) => long === '--json'))
      .map((one) => one.name());
    assert.deepEqual(without.sort(), [
      'demo',
      'init',
      'keys',
      'labels',
      'ledger',
      'report',
      'schedule',
      'setup',
      'store',
      'view',
    ]);
  });
});
