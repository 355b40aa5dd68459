/** The workbench in a real browser: each of its controls is used, by mouse and by keyboard, and axe finds nothing to complain of. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright';
import { openWorkbench, type Workbench } from '../../../cli/view/server.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openChromium } from '../../helpers/chromium.ts';
import { hostileText, idOf, text, writeLookedAt } from './looked-at.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-page-'));
const browser = await openChromium();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** In the browser, of an image: its width in the file, once it is decoded. */
const decodedWidth = async (node: unknown): Promise<number> => {
  const image = node as { decode(): Promise<void>; readonly naturalWidth: number };
  await image.decode();
  return image.naturalWidth;
};

describe('the page', { skip: browser === null && 'no Chromium' }, () => {
  let workbench: Workbench;
  let page: Page;
  /** What the browser complained of: errors of scripts, what the policy refused, what failed to load. */
  const complaints: string[] = [];

  before(async () => {
    await writeLookedAt(folder);
    workbench = await openWorkbench({ corpusDir: folder, mayEdit: true });
    page = browser!.page;
    page.setDefaultTimeout(15_000);
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(workbench.url);
    await page.locator('.card').first().waitFor();
    await page.getByText('pairs kept').waitFor();
  });
  after(async () => {
    await browser?.close();
    await workbench.close();
    rmSync(folder, { recursive: true });
  });

  const cards = () => page.locator('main .grid .card').count();
  /** Waits until the grid has so many pairs. */
  const hasCards = async (count: number, why: string): Promise<void> => {
    const grid = page.locator('main .grid:not(:has(.card))');
    if (count === 0) await grid.waitFor({ state: 'attached' });
    else
      await page
        .locator('main .grid .card')
        .nth(count - 1)
        .waitFor();
    await page.locator('section[aria-busy=false]').waitFor();
    assert.equal(await cards(), count, why);
  };
  const clear = () => page.getByRole('link', { name: 'Clear' }).click();

  /** axe runs in a world of its own: the page's policy lets no other script in. */
  async function violations(): Promise<string[]> {
    const session = await page.context().newCDPSession(page);
    const { frameTree } = await session.send('Page.getFrameTree');
    const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', {
      frameId: frameTree.frame.id,
    });
    await session.send('Runtime.evaluate', { expression: axe, contextId });
    const { result } = await session.send('Runtime.evaluate', {
      expression: 'axe.run(document)',
      contextId,
      awaitPromise: true,
      returnByValue: true,
    });
    await session.detach();
    return (result.value as AxeResults).violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`,
    );
  }

  it('hides the token, and shows every pair with its picture', async () => {
    assert.equal(new URL(page.url()).search, '');
    await hasCards(32, 'all pairs');
    await page.locator('.card img').first().scrollIntoViewIfNeeded();
    assert.equal(await page.locator('.card img').first().evaluate(decodedWidth), 360);
    assert.match((await page.locator('.sum').textContent()) ?? '', /^\d+ of 32 pairs kept/);
  });

  it('shows the text of a page as text', async () => {
    await page.getByLabel('Words').fill('wren');
    await page.getByLabel('Words').press('Enter');
    await hasCards(1, 'of the hostile text');
    assert.equal(await page.locator('.card .text').textContent(), hostileText);
    await page.locator('.card').click();
    await page.locator('dialog[open]').waitFor();
    assert.equal(await page.locator('#story-title').textContent(), hostileText);
    assert.equal(await page.locator('img[src="x"]').count(), 0);
    assert.notEqual(await page.title(), 'taken');
    await page.keyboard.press('Escape');
    await clear();
  });

  it('chooses pairs by every field of the form, and goes back', async () => {
    for (const [label, value, count] of [
      ['Verdict', 'unjudged', 0],
      ['Dropped by', 'image/flat', 1],
      ['Reason', 'nearly-one-colour', 1],
      ['Text from', 'caption', 7],
      ['Place', 'teaser', 10],
      ['Language', 'en', 17],
    ] as const) {
      await page.getByLabel(label).selectOption(value);
      await hasCards(count, label);
      await clear();
      await hasCards(32, `without ${label}`);
    }
    await page.getByLabel('Host').fill('other.example');
    await page.getByLabel('Host').press('Enter');
    await hasCards(0, 'of another host');
    await page.getByText('No pair is like this.').waitFor();
    await page.goBack();
    await hasCards(32, 'after going back');
  });

  it('opens a story by the keyboard, walks to the next one and comes back', async () => {
    const card = page.locator(`.card[href*="${idOf(4)}"]`);
    await card.focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog[open]').waitFor();
    const title = page.locator('#story-title');
    assert.equal(await title.textContent(), text(4));
    const dialog = page.locator('dialog');
    assert.match((await dialog.locator('.rules .kept').allTextContents()).join(), /image\/blur let it through [\d,.]+/);
    assert.match(
      (await dialog.locator('dl').textContent()) ?? '',
      /birds\.example:8080\/page-0\.html.*robots\.txt: allowed/s,
    );
    assert.equal(await dialog.locator('img').evaluate(decodedWidth), 400);
    assert.deepEqual(await violations(), []);
    await dialog.locator('.others a').click();
    await page.locator('#story-title', { hasText: 'seen from the house' }).waitFor();
    await page.goBack();
    await page.locator('#story-title', { hasText: new RegExp(`^${text(4)}$`) }).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.locator('#story-title', { hasNotText: text(4) }).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.waitForURL(/#\/pairs$/);
    assert.equal(await page.locator('dialog[open]').count(), 0);
  });

  it('moves a threshold by its slider, shows nine pictures, and writes what is used', async () => {
    await page.getByRole('link', { name: 'Thresholds' }).click();
    const section = page.locator('#image-blur');
    await section.locator('.outcome').waitFor();
    assert.deepEqual(await page.locator('.threshold h2').allTextContents(), [
      'image/dominant',
      'image/size',
      'image/bytes',
      'image/flat',
      'image/blur',
    ]);
    const outcome = (told: RegExp) => section.locator('.outcome', { hasText: told }).waitFor();
    const slider = page.getByRole('slider', { name: 'Threshold of image/blur' });
    await slider.focus();
    await page.keyboard.press('End');
    await outcome(/It would keep [12] of 16 pairs/);
    await page.keyboard.press('Home');
    await outcome(/It would keep 16 of 16 pairs .* 4 pairs would come back/);
    await section.getByRole('button', { name: 'Back to today' }).click();
    await outcome(/It would keep 12 of 16 pairs .* No pair changes sides/);
    await section.getByLabel('minSharpness').fill('100000');
    await section.getByLabel('minSharpness').press('Enter');
    await outcome(/It would keep 0 of 16 pairs/);
    assert.equal(await section.locator('.card').count(), 9);
    await section.getByLabel('minSharpness').fill('500');
    await section.getByLabel('minSharpness').press('Enter');
    await outcome(/It would keep 1[34] of 16 pairs/);
    assert.equal(await slider.getAttribute('aria-valuetext'), '500');
    await section.getByRole('button', { name: 'Use this' }).click();
    await section.getByText(`lait filter --corpus ${folder}`).waitFor();
    assert.equal(readFileSync(join(folder, 'lait.yaml'), 'utf8'), 'filter:\n  minSharpness: 500\n');
    await section.locator('.card').first().click();
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.waitForURL(/#\/thresholds$/);
  });

  it('shows a crawl as it goes on', async () => {
    await page.getByRole('link', { name: 'Crawl' }).click();
    await page.getByRole('cell', { name: 'failed_to_download: http-404' }).waitFor();
    assert.equal(await page.locator('main .grid .card').count(), 12);
    const figure = page.locator('.figures div', { hasText: 'new pages in the last minute' }).locator('dd');
    assert.equal(await figure.textContent(), '0');
    const ledger = Ledger.open(folder);
    ledger.recordPage({ url: 'http://late.example/', status: 'fetched', fetchedAtMs: Date.now() });
    ledger.close();
    await figure.getByText('1', { exact: true }).waitFor();
  });

  it('shows training runs side by side as they go on', async () => {
    await page.getByRole('link', { name: 'Training' }).click();
    await page.getByText('No run of this corpus has a log.').waitFor();
    const line = (step: number, loss: number): string =>
      `${JSON.stringify({ step, totalSteps: 20, loss, losses: { mlm: loss }, accuracies: { mlm: 0.5 }, samplesPerSecond: 9, waitShare: 0, ...(step === 20 ? { validation: { loss: 3, losses: { mlm: 3 }, accuracies: {} } } : {}) })}\n`;
    for (const name of ['first', '<b>second']) {
      mkdirSync(join(folder, 'runs', name), { recursive: true });
      writeFileSync(join(folder, 'runs', name, 'log.jsonl'), line(10, 8) + line(20, 4));
    }
    await page.getByRole('rowheader', { name: '<b>second' }).waitFor();
    assert.deepEqual(await page.locator('figcaption').allTextContents(), ['loss', 'mlm: loss', 'mlm: share right']);
    assert.equal(await page.locator('polyline').count(), 6);
    assert.equal(await page.getByRole('img', { name: /^loss by step, at the end: .*first 4/ }).count(), 1);
  });

  it('has nothing that axe complains of, in light and dark, on a desk and on a phone, and never scrolls sideways', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 800 });
        for (const [view, shown] of [
          ['pairs', '.card'],
          ['thresholds', '.outcome'],
          ['crawl', '.figures'],
          ['training', '.panels'],
        ]) {
          await page.goto(`${new URL(workbench.url).origin}/#/${view}`);
          await page.reload();
          await page.locator(shown!).first().waitFor();
          await page.getByText('pairs kept').waitFor();
          const where = `${view}, ${colorScheme}, ${width} px`;
          assert.deepEqual(await violations(), [], where);
          const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
          assert.ok(overflow <= 0, `${where}: ${overflow} px too wide`);
        }
      }
    }
  });

  it('says so when the server has gone', async () => {
    await page.goto(`${new URL(workbench.url).origin}/#/pairs`);
    await page.locator('.card').first().waitFor();
    assert.deepEqual(complaints, []);
    await workbench.close();
    await page.locator('summary').click();
    await page.getByLabel('Verdict').selectOption('kept');
    await page.getByRole('alert').getByText('is `lait view` still running?').waitFor();
  });
});
