/** Pairs that a later visit did not find any more: left out of the export, or kept with the reason in their column. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportShards } from '../../../dataset/export/export.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { currentRecipe } from '../../../dataset/ledger/recipes.ts';
import { eachSurvivorBestFirst } from '../../../dataset/ledger/survivors.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-gone-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('what is gone is dropped by default, and kept with its bytes and its reason on demand', async () => {
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
  ledger.close();

  const rows = async (outDir: string) =>
    ((await readParquet(join(outDir, 'train/00000.parquet'))) as Record<string, unknown>[])
      .map(({ url, status, gone }) => `${String(url).slice(-5)} ${status} ${gone}`)
      .sort();
  const options = { corpusDir: root, validationFraction: 0, samplesPerShard: 100 };
  await exportShards({ ...options, outDir: join(root, 'drop') });
  assert.deepEqual(await rows(join(root, 'drop')), ['2.jpg success null', '3.jpg success null']);
  await exportShards({ ...options, outDir: join(root, 'keep'), gone: 'keep' });
  assert.deepEqual(await rows(join(root, 'keep')), [
    '0.jpg success not-on-page',
    '1.jpg success image-gone',
    '2.jpg success null',
    '3.jpg success null',
    '4.jpg failed_to_download not-on-page',
  ]);
});
