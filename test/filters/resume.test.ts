import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../dataset/image/decode.ts';
import { type Funnel, funnel } from '../../dataset/ledger/funnel.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../dataset/ledger/raw-store.ts';
import { keptSamples } from '../../dataset/ledger/survivors.ts';
import { judgeBatch } from '../../filters/judge-batch.ts';
import { recipe } from '../../filters/recipe.ts';
import { screen, screenBy } from '../../filters/screen.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-resume-'));
after(() => rmSync(root, { recursive: true }));

/** 30 pairs of 30 pictures: every third is blurred, every fifth text too short. */
async function makeCorpus(folder: string): Promise<void> {
  const ledger = Ledger.open(folder);
  const raw = openRawStore(folder);
  for (let at = 0; at < 30; at++) {
    const noise = { type: 'gaussian' as const, mean: 128, sigma: 60 };
    const picture = sharp({ create: { width: 310, height: 310, channels: 3, background: '#888', noise } });
    const bytes = await (at % 3 === 0 ? picture.blur(4) : picture).jpeg({ quality: 60 }).toBuffer();
    const measured = await decodeImage(bytes);
    assert.ok('sha256' in measured);
    const url = `http://site.test/${at}.jpg`;
    const text = at % 5 === 0 ? 'noise' : `A picture of noise that was taken in the year ${1900 + at}`;
    ledger.recordPage({ url: `http://site.test/${at}`, status: 'fetched', fetchedAtMs: 1 }, [
      { url, texts: [{ source: 'alt', text }] },
    ]);
    const place = raw.append({ sha256: measured.sha256, format: measured.format, bytes });
    const stored = { ...place, ...measured, byteLength: bytes.length };
    ledger.recordImage({ url, status: 'success', fetchedAtMs: 2, stored });
  }
  raw.close();
  ledger.close();
}

const dropped = ({ rows }: Funnel) =>
  rows.filter((row) => row.dropped > 0).map((row) => `${row.rule} ${row.dropped} of ${row.entered}`);

describe('screen killed with -9', () => {
  const whole = join(root, 'whole');
  let expected: { drops: string[]; kept: string[] };
  before(async () => {
    await makeCorpus(whole);
    cpSync(whole, join(root, 'killed'), { recursive: true });
    const ledger = Ledger.open(whole);
    const result = await screen({ ledger, recipe: recipe({ minBytes: 0 }), batchSize: 6 });
    expected = { drops: dropped(result), kept: [...keptSamples(ledger)].map(({ id }) => id) };
    ledger.close();
  });

  it('drops what the pictures and texts are made for', () => {
    assert.deepEqual(expected.drops, ['text/length 6 of 30', 'image/blur 8 of 24']);
    assert.equal(expected.kept.length, 16);
  });

  it('goes on with the pairs that are not judged, to the same end', async () => {
    const folder = join(root, 'killed');
    const child = join(import.meta.dirname, 'screen-child.ts');
    const { signal } = spawnSync(process.execPath, ['--import', 'tsx', child, folder, '13']);
    assert.equal(signal, 'SIGKILL');
    const ledger = Ledger.open(folder);
    const left = funnel(ledger).unjudged;
    // Two batches of six are there, the one at hand is not.
    assert.equal(left, 18);
    const raw = openRawStore(folder);
    const read: number[] = [];
    const watched = {
      read: (place: Parameters<typeof raw.read>[0]) => {
        read.push(place.offset);
        return raw.read(place);
      },
    };
    const totals = new Set<number>();
    const result = await screen({
      ledger,
      recipe: recipe({ minBytes: 0 }),
      raw: watched,
      batchSize: 6,
      onProgress: ({ total }) => totals.add(total),
    });
    assert.deepEqual([...totals], [left]);
    assert.ok(read.length <= left && new Set(read).size === read.length);
    assert.deepEqual(dropped(result), expected.drops);
    assert.deepEqual(
      [...keptSamples(ledger)].map(({ id }) => id),
      expected.kept,
    );
    raw.close();
    ledger.close();
  });
});

it('a pair whose page or picture changes while it is judged stays unjudged', async () => {
  const folder = join(root, 'changed');
  await makeCorpus(folder);
  const [ledger, crawl] = [Ledger.open(folder), Ledger.open(folder)];
  const rules = recipe({ minBytes: 0 });
  const result = await screenBy({ ledger, recipe: rules, batchSize: 10 }, async (batches, { read, record }) => {
    for (const batch of batches) {
      const verdicts = await judgeBatch(batch, rules, { reusable: () => undefined, read, scoresOf: () => ({}) });
      const { pageUrl } = batch[3]!.pair;
      crawl.recordPage({ url: pageUrl, status: 'fetched', fetchedAtMs: 3, text: 'Of something else.' });
      crawl.recordImage({
        url: batch[4]!.pair.imageUrl,
        status: 'failed_to_download',
        reason: 'http-503',
        fetchedAtMs: 3,
      });
      await record(batch, verdicts);
    }
  });
  assert.equal(result.unjudged, 6);
  assert.equal((await screen({ ledger, recipe: rules })).unjudged, 0);
  crawl.close();
  ledger.close();
});
