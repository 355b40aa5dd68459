/** Pairs that a later visit did not find any more: left out of the export, or kept with the reason in their column. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { funnelTable } from '../../../cli/filter.ts';
import { renderReport } from '../../../cli/report/report.ts';
import { exportShards } from '../../../dataset/export/export.ts';
import { funnel } from '../../../dataset/ledger/funnel.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { currentRecipe } from '../../../dataset/ledger/recipes.ts';
import { eachSurvivorBestFirst } from '../../../dataset/ledger/survivors.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-gone-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('what is gone is dropped by default, and kept with its bytes and its reason on demand; funnel, report and card count what is exported', async () => {
  await writeSmallCorpus(root, { images: 4, failed: 1 });
  const ledger = Ledger.open(root);
  const page = { url: 'https://site.example/page.html', status: 'fetched' as const, fetchedAtMs: 1_800_000_000_000 };
  const image = (i: number) => ({
    url: `https://site.example/${i}.jpg`,
    texts: [{ source: 'alt' as const, text: `A square of colour number ${i}` }],
  });
  // Its first picture is not on the page any more, nor is the one that could not be downloaded; the second answers 404.
  ledger.recordPage(page, [image(1), image(2), image(3)], 'not-on-page');
  ledger.db.exec(`UPDATE images SET reason = 'gone' WHERE url = 'https://site.example/1.jpg'`);
  ledger.db.prepare('UPDATE pairs SET judged_by = ?').run(currentRecipe(ledger)!.id);
  const order: string[] = [];
  const urls = new Map(ledger.db.prepare('SELECT id, url FROM images').raw().all() as [number, string][]);
  await eachSurvivorBestFirst(ledger, 'text/any', ({ imageId }) => order.push(urls.get(imageId)!.slice(-5)));
  assert.deepEqual(order, ['3.jpg', '2.jpg', '1.jpg', '0.jpg']);
  const { found, gone, unjudged, kept, rows: steps } = funnel(ledger);
  assert.deepEqual([found, gone, unjudged, kept, steps[0]!.entered], [2, 3, 0, 2, 2]);
  assert.match(funnelTable(funnel(ledger)), /\n2 of 2 pairs kept \(100\.0 %\)\n3 more are not on the web any more: /);
  const report = await renderReport(ledger);
  assert.match(report, /<b>2<\/b> of <b>2<\/b> pairs kept \(100 %\); 3 more are not on the web any more\./);
  assert.deepEqual([...new Set(report.match(/\d\.jpg/g))].sort(), ['2.jpg', '3.jpg']);
  ledger.close();

  const counted = (outDir: string) => {
    const card = readFileSync(join(outDir, 'README.md'), 'utf8');
    const summary = readFileSync(join(outDir, 'training-content-summary.json'), 'utf8');
    return [
      /Of \d+ pairs found[^.]*\./.exec(card)![0],
      /\| alt \| (\d+) \|/.exec(card)![1],
      /"images": (\d+)/.exec(summary)![1],
    ];
  };
  const rows = async (outDir: string) =>
    ((await readParquet(join(outDir, 'train/00000.parquet'))) as Record<string, unknown>[])
      .map(({ url, status, gone }) => `${String(url).slice(-5)} ${status} ${gone}`)
      .sort();
  const options = { corpusDir: root, validationFraction: 0, samplesPerShard: 100 };
  await exportShards({ ...options, outDir: join(root, 'drop') });
  assert.deepEqual(await rows(join(root, 'drop')), ['2.jpg success null', '3.jpg success null']);
  const more = '3 more were not on the web any more at a later visit';
  assert.deepEqual(counted(join(root, 'drop')), [`Of 2 pairs found, 2 were kept; ${more}.`, '2', '2']);
  await exportShards({ ...options, outDir: join(root, 'keep'), gone: 'keep' });
  assert.deepEqual(counted(join(root, 'keep')), ['Of 5 pairs found, 4 were kept.', '4', '4']);
  assert.deepEqual(await rows(join(root, 'keep')), [
    '0.jpg success not-on-page',
    '1.jpg success image-gone',
    '2.jpg success null',
    '3.jpg success null',
    '4.jpg failed_to_download not-on-page',
  ]);
});
