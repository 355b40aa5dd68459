import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { html } from '../../../cli/report/html.ts';
import { renderReport } from '../../../cli/report/report.ts';
import { recordCorpusDrops } from '../../../dataset/ledger/corpus-drops.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../../../dataset/ledger/raw-store.ts';
import { recipeId } from '../../../dataset/ledger/recipes.ts';
import { recordVerdicts } from '../../../dataset/ledger/verdicts.ts';
import { pairId } from '../../../dataset/pair.ts';

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
      { url: 'http://site.test/fog.jpg', texts: [{ source: 'alt', text: 'A boat in the fog' }] },
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
    ledger.recordImage({
      url: 'http://site.test/fog.jpg',
      status: 'success',
      fetchedAtMs: 2,
      stored: { ...stored, sha256: 'b'.repeat(64), phash: '0'.repeat(16) },
    });
    const recipe = recipeId(ledger, [
      { name: 'text/length', stage: 'text', settings: { minWords: 3 } },
      { name: 'image/blur', stage: 'image', settings: { minVariance: 60 } },
    ]);
    recordVerdicts(ledger, recipe, [
      {
        id: pairId(image, `A boat ${hostile}`),
        droppedBy: null,
        reason: null,
        scores: [{ subject: 'a'.repeat(64), rule: 'image/blur', score: 900 }],
      },
      {
        id: pairId('http://site.test/fog.jpg', 'A boat in the fog'),
        droppedBy: 'image/blur',
        reason: 'blurred',
        scores: [{ subject: 'b'.repeat(64), rule: 'image/blur', score: 7 }],
      },
      { id: pairId('javascript:alert(1)', 'Not an address'), droppedBy: 'text/length', reason: 'too-short' },
    ]);
    await recordCorpusDrops(ledger, recipe, []);
  });
  after(() => {
    raw.close();
    ledger.close();
    rmSync(folder, { recursive: true });
  });

  it('shows tables before the funnel, escaped', async () => {
    const tables = [
      {
        title: 'What <b> knew',
        rows: [
          ['text', 'dropped'],
          ['"swapped" & gone', '3'],
        ],
      },
    ];
    const page = await renderReport(ledger, { tables });
    const at = page.indexOf('<h2>What &lt;b&gt; knew</h2><table><tr><td>text</td><td>dropped</td></tr>');
    assert.ok(at > 0 && at < page.indexOf('<h2>Funnel</h2>'));
    assert.match(page, /<td>&quot;swapped&quot; &amp; gone<\/td><td>3<\/td>/);
  });

  it('shows counts, reasons, thumbnails, scores and thresholds', async () => {
    const page = await renderReport(ledger, { raw, name: 'Boats <1>', writtenAtMs: Date.UTC(2026, 10, 30) });
    assert.match(
      page,
      /<h1>Boats &lt;1&gt;: what became of the pairs<\/h1>\n<p class="of">Written on 30 November 2026, judged by rules of no preset that is known<\/p>/,
    );
    assert.match(page, /aria-label="image\/blur: 2 values from 7 to 900, thresholds 60"/);
    assert.match(page, /<b>1<\/b> of <b>3<\/b> pairs kept \(33 %\)/);
    assert.match(page, /too-short/);
    const section = (rule: string) => page.split(`<section id="${rule}">`)[1]!.split('</section>')[0]!;
    const shown = (rule: string) => [...section(rule).matchAll(/class="text">([^<]*)</g)].map((match) => match[1]);
    assert.deepEqual(shown('image/blur'), [
      'A boat in the fog',
      'A boat &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;',
    ]);
    assert.match(
      section('image/blur'),
      /Dropped[\s\S]*<b>blurred<\/b>[\s\S]*closest to the threshold first[\s\S]*<b>900<\/b>/,
    );
    assert.match(section('text/length'), /Not an address[\s\S]*Let through[\s\S]*<b>later image\/blur<\/b>/);
    assert.equal(page.match(/src="data:image\/webp;base64,/g)?.length, 1 + 2 + 2);
    assert.match(page, /<h3>image\/blur<\/h3><svg[\s\S]*?<line x1="265.4"[\s\S]*?>60<\/text>[\s\S]*?logarithmic/);
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
