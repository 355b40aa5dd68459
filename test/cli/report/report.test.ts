import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { html } from '../../../cli/report/html.ts';
import { renderReport } from '../../../cli/report/report.ts';
import { recipeId, recordCorpusDrops, recordJudgements } from '../../../dataset/judgements.ts';
import { Ledger } from '../../../dataset/ledger.ts';
import { pairId } from '../../../dataset/pair.ts';
import { openRawStore, type RawStore } from '../../../dataset/raw-store.ts';

describe('report', () => {
  let folder: string;
  let ledger: Ledger;
  let raw: RawStore;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lait-report-'));
    ledger = Ledger.open(folder);
    raw = openRawStore(folder);
    const hostile = '<script>alert("x")</script>';
    const pageUrl = 'http://site.test/?a=<b>&c="d"';
    const image = 'http://site.test/boat.jpg';
    ledger.recordPage({ url: pageUrl, status: 'fetched', text: hostile, title: hostile, fetchedAtMs: 1 }, [
      { url: image, texts: [{ source: 'alt', text: `A boat ${hostile}` }] },
      { url: 'javascript:alert(1)', texts: [{ source: 'alt', text: 'Not an address' }] },
    ]);
    const bytes = await sharp({ create: { width: 400, height: 300, channels: 3, background: '#a33' } })
      .jpeg()
      .toBuffer();
    const place = raw.append({ sha256: 'a'.repeat(64), format: 'jpg', bytes });
    const stored = {
      ...place,
      format: 'jpg',
      width: 400,
      height: 300,
      frames: 1,
      byteLength: bytes.length,
      sha256: 'a'.repeat(64),
      phash: 'f'.repeat(16),
    };
    ledger.recordImage({ url: image, status: 'success', fetchedAtMs: 2, stored });
    const recipe = recipeId(ledger, [
      { name: 'text/length', stage: 'text', settings: { minWords: 3 } },
      { name: 'image/blur', stage: 'image', settings: { minVariance: 60 } },
    ]);
    recordJudgements(ledger, recipe, [
      {
        id: pairId(image, `A boat ${hostile}`),
        droppedBy: null,
        reason: null,
        scores: [{ subject: 'a'.repeat(64), rule: 'image/blur', score: 900 }],
      },
      { id: pairId('javascript:alert(1)', 'Not an address'), droppedBy: 'text/length', reason: 'too-short' },
    ]);
    recordCorpusDrops(ledger, recipe, []);
  });
  after(() => {
    raw.close();
    ledger.close();
    rmSync(folder, { recursive: true });
  });

  it('shows counts, reasons, thumbnails, scores and thresholds', async () => {
    const page = await renderReport(ledger, { raw, title: 'Boats' });
    assert.match(page, /<b>1<\/b> of <b>2<\/b> pairs kept \(50 %\)/);
    assert.match(page, /too-short/);
    assert.equal(page.match(/src="data:image\/webp;base64,/g)?.length, 1);
    assert.match(page, /<h3>image\/blur<\/h3>[\s\S]*<line [\s\S]*>60<\/text>/);
    assert.match(page, /site\.test/);
  });

  it('escapes everything from the web, links web addresses only, and loads and runs nothing', async () => {
    const page = await renderReport(ledger, { raw });
    assert.equal(page.includes('<script'), false);
    assert.equal(page.includes('href="javascript:'), false);
    assert.ok(page.includes('A boat &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;'));
    assert.ok(page.includes('href="http://site.test/?a=&lt;b&gt;&amp;c=&quot;d&quot;"'));
    assert.deepEqual(
      [...page.matchAll(/(?:src|url)\s*[=(]\s*["']?([a-z]+:)/g)]
        .map((match) => match[1])
        .filter((kind) => kind !== 'data:'),
      [],
    );
    assert.match(page, /default-src 'none'/);
  });

  it('of an empty corpus says so', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'lait-report-empty-'));
    const none = Ledger.open(empty);
    assert.match(await renderReport(none), /<b>0<\/b> of <b>0<\/b> pairs kept\./);
    none.close();
    rmSync(empty, { recursive: true });
  });

  it('escapes values, not markup', () => {
    assert.equal(
      html`<p>${'<&>"\''}${html`<b>${1}</b>`}${[html`<i></i>`]}</p>`.text,
      '<p>&lt;&amp;&gt;&quot;&#39;<b>1</b><i></i></p>',
    );
  });
});
