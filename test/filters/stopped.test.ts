/** Screening that is stopped while the rules over the whole corpus run: it is heard, and nothing of them is left. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { currentRecipe } from '../../dataset/ledger/recipes.ts';
import { duplicateImage } from '../../filters/corpus/duplicate-image.ts';
import { type ScreenOptions, screen } from '../../filters/screen.ts';

/** So many different pictures that each is compared with all before it: their hashes agree in one band. */
const pictureCount = 20_000;

function fill(ledger: Ledger): void {
  const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${pictureCount})`;
  ledger.db.exec(`
    INSERT INTO pages (id, url, status, title, text, fetched_at_ms, rendered) VALUES (1, 'http://site.test/', 'fetched', '', '', 1, 0);
    INSERT INTO images (id, url, status, fetched_at_ms, format, width, height, frames, byte_length, sha256, phash, segment, offset)
      ${numbers} SELECT n, 'http://site.test/' || n || '.jpg', 'success', 1, 'jpg', 400, 400, 1, 9000, printf('%064x', n),
        printf('%08x%05x000', n * 2654435761 % 4294967296, n * 40503 % 1048576), 0, 512 FROM numbers;
    INSERT INTO pairs (id, image_id, page_id, page_url, text, source, source_rank)
      ${numbers} SELECT printf('%064x', n), n, 1, 'http://site.test/', 'A boat on the beach ' || n, 'alt', 1 FROM numbers`);
}

test('a signal is heard while pictures are compared, and the next run comes to the same end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-stopped-'));
  const ledger = Ledger.open(folder);
  t.after(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });
  fill(ledger);
  const recipe: ScreenOptions['recipe'] = { text: [], image: [], corpus: [duplicateImage()] };
  const stop = new AbortController();
  const reason = new Error('stopped');
  const dropped = () => ledger.db.prepare(`SELECT count(*) FROM pairs WHERE dropped_by IS NOT NULL`).pluck().get();

  const stopped = screen({
    ledger,
    recipe,
    signal: stop.signal,
    onProgress: ({ stage }) => {
      if (stage === 'corpus') setTimeout(() => stop.abort(reason), 0);
    },
  });
  await assert.rejects(stopped, reason);
  assert.deepEqual([dropped(), currentRecipe(ledger)?.finished, ledger.db.inTransaction], [0, false, false]);

  const { found, kept } = await screen({ ledger, recipe });
  assert.equal(found, pictureCount);
  assert.equal(kept, pictureCount - Number(dropped()));
  assert.equal(currentRecipe(ledger)?.finished, true);
});
