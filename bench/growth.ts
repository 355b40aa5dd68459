/**
 * An export of a large ledger that grows: written once, grown by 1 %, and after a threshold has moved for 1 %. The ledger is made here:
 * every pair survives, all pictures are one small JPEG (what is measured is the export and not the encoder; its bytes are hashed,
 * read and written for every sample). Prints wall and CPU seconds, and the
 * memory's peak so far after each quarter of the shards.
 *
 *     node --import tsx bench/growth.ts [--pairs 1000000] [--folder DIR]
 *
 * With `--scan`, nothing is written: the ledger's index is filled as after an export of all pairs but 1 %, and only the finding of
 * what is new and what has to go is measured. With `--filled DIR` as well, the ledger is a copy of the one that
 * `bench/rejudge.ts --filled DIR` has left there, and all its pairs with a picture count as kept.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { exportShards } from '../dataset/export/export.ts';
import { indexShard, rememberExport } from '../dataset/ledger/exports.ts';
import { findGrowth } from '../dataset/ledger/growth.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore } from '../dataset/ledger/raw-store.ts';
import { markFinished, recipeId } from '../dataset/ledger/recipes.ts';
import { pairId } from '../dataset/pair.ts';

const { values: flags } = parseArgs({
  options: {
    scan: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '1000000' },
    folder: { type: 'string', default: tmpdir() },
    filled: { type: 'string' },
  },
});
const pairCount = Number(flags.pairs);
const pairsAPage = 50;
const folder = mkdtempSync(join(flags.folder, 'lait-growth-'));

const picture = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } })
  .jpeg()
  .toBuffer();
const sha256 = createHash('sha256').update(picture).digest('hex');

/** Adds pairs with these numbers, judged and kept. */
function fill(
  ledger: Ledger,
  recipe: number,
  from: number,
  to: number,
  place: { segment: number; offset: number },
): void {
  const page = ledger.db.prepare(
    `INSERT INTO pages (url, status, title, text, fetched_at_ms, rendered) VALUES (?, 'fetched', 'Harbour', 'Some text', 1, 0)`,
  );
  const image = ledger.db.prepare(
    `INSERT INTO images (url, status, fetched_at_ms, format, width, height, frames, byte_length, sha256, phash, segment, offset)
     VALUES (?, 'success', 1, 'jpg', 16, 16, 1, ?, ?, '0000000000000000', ?, ?)`,
  );
  const pair = ledger.db.prepare(
    `INSERT INTO pairs (id, image_id, page_id, page_url, text, source, source_rank, judged_by) VALUES (?, ?, ?, ?, ?, 'alt', 1, ?)`,
  );
  ledger.db.transaction(() => {
    let pageId: number | bigint = 0;
    let pageUrl = '';
    for (let i = from; i < to; i += 1) {
      if (i % pairsAPage === 0 || i === from) {
        pageUrl = `https://site${i % 997}.example/pages/${i}.html`;
        pageId = page.run(pageUrl).lastInsertRowid;
      }
      const url = `https://site${i % 997}.example/pictures/${i}.jpg`;
      const { lastInsertRowid } = image.run(url, picture.length, sha256, place.segment, place.offset);
      const text = `A wooden boat rests beside the old bridge near a river in ${i}`;
      pair.run(pairId(url, text), lastInsertRowid, pageId, pageUrl, text, recipe);
    }
  })();
}

console.log(
  '| export | wall s | CPU s | peak RSS MB | shards written | shards left |\n| --- | --- | --- | --- | --- | --- |',
);
async function measured(name: string): Promise<void> {
  const started = performance.now();
  const before = process.cpuUsage();
  const peaks: number[] = [];
  const onProgress = () => peaks.push(Math.round(process.resourceUsage().maxRSS / 1024));
  const { shardsWritten, shardsLeft } = await exportShards({ corpusDir: folder }, { onProgress });
  const { user, system } = process.cpuUsage(before);
  const wall = (performance.now() - started) / 1000;
  const rss = [0.25, 0.5, 0.75, 1].map((share) => peaks[Math.ceil(peaks.length * share) - 1]).join(', ');
  console.log(
    `| ${name} | ${wall.toFixed(1)} | ${((user + system) / 1e6).toFixed(1)} | ${rss} | ${shardsWritten} | ${shardsLeft} |`,
  );
}

try {
  if (flags.filled !== undefined) copyFileSync(join(flags.filled, 'ledger.db'), join(folder, 'ledger.db'));
  const ledger = Ledger.open(folder);
  const raw = openRawStore(folder);
  const place = raw.append({ sha256, format: 'jpg', bytes: picture });
  raw.close();
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: {} }]);
  markFinished(ledger, recipe, true);
  if (flags.scan) scan(ledger, recipe, place);
  else await exports(ledger, recipe, place);
  ledger.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function exports(ledger: Ledger, recipe: number, place: { segment: number; offset: number }): Promise<void> {
  fill(ledger, recipe, 0, pairCount, place);
  await measured(`the first, ${pairCount} pairs`);
  await measured('again, nothing new');
  fill(ledger, recipe, pairCount, Math.floor(pairCount * 1.01), place);
  await measured('1 % more pairs');
  const drop = ledger.db.prepare(
    `UPDATE pairs SET dropped_by = 'text/any', drop_reason = 'moved' WHERE id IN
       (SELECT pair_id FROM exported_pairs p JOIN exported_shards s ON s.id = p.shard_id WHERE s.shard = 'train/00000')`,
  );
  drop.run();
  await measured('one shard’s pairs dropped');
}

function scan(ledger: Ledger, recipe: number, place: { segment: number; offset: number }): void {
  if (flags.filled === undefined) fill(ledger, recipe, 0, pairCount, place);
  else ledger.db.prepare('UPDATE pairs SET judged_by = ?').run(recipe);
  const count = ledger.db.prepare('SELECT count(*) FROM pairs').pluck().get();
  const exportId = rememberExport(ledger, folder, join(folder, 'shards'), {
    version: 1,
    sha256: '',
    configuration: {},
  });
  indexShard(ledger, exportId, 'train/00000', '', []);
  ledger.db.exec(`INSERT INTO exported_pairs (export_id, pair_id, shard_id, key, content)
    SELECT ${exportId}, p.id, 1, p.id, substr(i.sha256, 1, 16)
    FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.rowid % 100 <> 0 AND i.sha256 IS NOT NULL ORDER BY p.id`);
  const timed = (name: string) => {
    const started = performance.now();
    const before = process.cpuUsage();
    findGrowth(ledger, { exportId, gone: 'drop', withFailures: true });
    const { user, system } = process.cpuUsage(before);
    const found = (table: string) => ledger.db.prepare(`SELECT count(*) FROM temp.${table}`).pluck().get();
    const rss = Math.round(process.resourceUsage().maxRSS / 1024);
    const wall = (performance.now() - started) / 1000;
    console.log(
      `| ${name}: ${found('new_pairs')} new, ${found('removed_samples')} to go | ${wall.toFixed(1)} | ${((user + system) / 1e6).toFixed(1)} | ${rss} | | |`,
    );
  };
  timed(`finding in ${count}`);
  ledger.db.exec(`UPDATE pairs SET dropped_by = 'text/any', drop_reason = 'moved' WHERE rowid % 100 = 1`);
  timed('after a threshold has moved');
}
