/** The workbench in a real browser: each of its controls is used, by mouse and by keyboard, and axe finds nothing to complain of. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright';
import { embed } from '../../../cli/embed.ts';
import { writeReport } from '../../../cli/report.ts';
import { openWorkbench, type Workbench } from '../../../cli/view/server.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openChromium } from '../../helpers/chromium.ts';
import { hostileText, idOf, text, url, writeLookedAt } from './looked-at.ts';
import { trainRun } from './trained-run.ts';

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
    await embed({
      corpusDir: folder,
      flags: { relevance: join(import.meta.dirname, '../../model/scorers/clip/clip'), follow: false },
      args: [],
      signal: new AbortController().signal,
      print: () => {},
    });
    workbench = await openWorkbench({ corpusDir: folder, mayEdit: true });
    page = browser!.page;
    page.setDefaultTimeout(60_000);
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

  /** For people to look at. */
  async function shot(name: string): Promise<void> {
    const to = process.env.LAIT_SCREENSHOTS;
    if (to !== undefined) await page.screenshot({ path: join(to, `${name}.png`), fullPage: true });
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
      ['Shorter side', '200', 30],
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

  it('searches by meaning: pictures for words, pictures and texts for a picture', async () => {
    await page.getByRole('link', { name: 'Search', exact: true }).click();
    await page.getByText('24 pictures and 30 texts have a vector').waitFor();
    await page.getByRole('searchbox', { name: 'Search by meaning' }).fill(hostileText);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('The 24 nearest pictures').waitFor();
    assert.equal(await cards(), 24);
    assert.match((await page.locator('.near').first().textContent()) ?? '', /^-?[01]\.\d\d$/);
    await page.getByLabel('Find').selectOption('text');
    await page.getByRole('searchbox', { name: 'Search by meaning' }).press('Enter');
    await page.getByText('The 30 nearest texts').waitFor();
    // The text itself is the nearest, and is shown as text.
    assert.equal(await page.locator('.card .text').first().textContent(), hostileText);
    assert.notEqual(await page.title(), 'taken');
    await page.locator('.card').first().click();
    await page.locator('dialog[open]').waitFor();
    await page.getByRole('link', { name: 'Pictures like this' }).click();
    await page.getByText('The 23 nearest pictures').waitFor();
    assert.equal(await page.locator('dialog[open]').count(), 0);
    assert.equal(await page.locator('.likewhat img').evaluate(decodedWidth), 360);
    await page.getByRole('link', { name: 'Texts that fit it' }).click();
    await page.getByText('The 30 nearest texts').waitFor();
    await page.goBack();
    await page.getByText('The 23 nearest pictures').waitFor();
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
    // Each rule's slider moves what would be kept, and goes back to today's.
    for (const rule of await page.locator('.threshold').all()) {
      await rule.getByRole('slider').focus();
      await page.keyboard.press('Home');
      const atLowest = await rule.getByRole('slider').getAttribute('aria-valuetext');
      await page.keyboard.press('End');
      assert.notEqual(await rule.getByRole('slider').getAttribute('aria-valuetext'), atLowest);
      await rule.locator('.outcome', { hasText: /It would keep [\d,]+ of [\d,]+ pairs/ }).waitFor();
      const back = rule.getByRole('button', { name: 'Back to today' });
      if (await back.isEnabled()) await back.click();
    }
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

  it('says what is wrong with lait.yaml where it cannot be read, and tries again', async () => {
    const file = join(folder, 'lait.yaml');
    const kept = readFileSync(file, 'utf8');
    writeFileSync(file, 'filter: [');
    await page.reload();
    await page.getByRole('alert').getByText('Expected YAML').waitFor();
    assert.equal(await page.getByText('Reading scores').count(), 0);
    writeFileSync(file, kept);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('#image-blur .outcome').waitFor();
    complaints.length = 0; // the browser's own line on the answer 400
  });

  it('labels a sample by keys and by buttons, takes back, and tells how right the rules are', async () => {
    await page.getByRole('link', { name: 'Labels' }).click();
    const question = page.locator('.question');
    await question.waitFor();
    assert.equal(await page.locator('.seen img').evaluate(decodedWidth), 400);
    const isLabelled = (count: number) => page.locator('.progress').getByText(`${count} of`).waitFor();
    const first = await question.textContent();
    await page.keyboard.press('1');
    await isLabelled(1);
    const second = await question.textContent();
    assert.notEqual(second, first);
    // Before the answer to the first key is there, the second one takes back that label, and not the one before.
    await page.evaluate(`for (const key of ['1', 'u']) {
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    }`);
    await page.getByText('Taken back. 1 of').waitFor();
    assert.equal(await question.textContent(), second);
    await page.getByRole('button', { name: 'Does not fit' }).click();
    await isLabelled(2);
    await page.keyboard.press('u');
    await page.getByText('Taken back. 1 of').waitFor();
    assert.equal(await question.textContent(), second);
    await page.getByRole('button', { name: 'Undo “Fits”' }).click();
    await page.getByText('Taken back. 0 of').waitFor();
    assert.equal(await question.textContent(), first);
    // Keys are for labels only where they are wanted.
    await page.getByLabel('keys label').uncheck();
    await page.keyboard.press('1');
    await page.getByLabel('keys label').check();
    await page.getByLabel('Seed').fill('3');
    await page.getByLabel('Seed').press('Enter');
    await page.waitForURL(/#\/labels\?seed=3$/);
    await page.getByLabel('Pairs of each verdict').selectOption('25');
    await page.waitForURL(/#\/labels\?seed=3&each=25$/);
    await isLabelled(0);
    const wanted = Number((await page.locator('.progress').textContent())!.match(/of (\d+)/)![1]);
    let isHostileSeen = false;
    for (let at = 0; at < wanted; at++) {
      const shown = await question.textContent();
      isHostileSeen ||= shown === hostileText;
      // Each label by its key and by its button; the first, of a pair that nobody could tell, is counted and left out.
      const kind = at === 0 ? 0 : 1 + (at % 4);
      if (at % 8 < 4) await page.keyboard.press(String(kind));
      else await page.locator(`button[aria-keyshortcuts="${kind}"]`).click();
      await isLabelled(at + 1);
    }
    assert.ok(isHostileSeen);
    assert.notEqual(await page.title(), 'taken');
    await page.getByText('All pairs of this sample have a label.').waitFor();
    const rows = page.locator('.precision tbody tr');
    assert.equal(await rows.last().locator('th').textContent(), 'kept');
    assert.match((await page.locator('.precision').textContent()) ?? '', /image\/blur.*\d+ % \d+ to \d+/s);
    // The labels are there after a reload, and the last one can still be taken back.
    await page.reload();
    await page.getByText('All pairs of this sample have a label.').waitFor();
    await page.keyboard.press('u');
    await question.waitFor();
    await isLabelled(wanted - 1);
  });

  it('shows what a takedown would touch, and takes down what was looked at', async () => {
    await page.getByRole('link', { name: 'Pairs', exact: true }).click();
    await page.locator(`.card[href*="${idOf(3)}"]`).click();
    await page.getByRole('link', { name: 'What would a takedown touch?' }).click();
    const touched = page.getByRole('region', { name: 'What it would touch' });
    await touched.waitFor();
    assert.equal(await page.getByLabel('one a line').inputValue(), url(3));
    const figure = (name: string) => touched.locator('.figures div', { hasText: name }).locator('dd').textContent();
    assert.deepEqual(await Promise.all(['pictures overwritten', 'pairs leave', 'samples leave'].map(figure)), [
      '1',
      '1',
      '0',
    ]);
    assert.equal(await touched.locator('.card .text').textContent(), hostileText);
    assert.notEqual(await page.title(), 'taken');
    const button = page.getByRole('button', { name: 'Take it down for good' });
    assert.ok(await button.isDisabled());
    assert.deepEqual(await violations(), []);
    const before = Ledger.openReadOnly(folder);
    assert.equal(before.db.prepare('SELECT count(*) FROM pairs').pluck().get(), 32);
    before.close();
    // What is no name is refused in one line, and nothing goes.
    await page.getByLabel('one a line').fill('<b>all</b>');
    await page.getByRole('button', { name: 'Show what it would touch' }).click();
    await page.getByRole('alert').getByText('but received <b>all</b>').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    complaints.length = 0; // the browser's own line on the answer 400
    await page.getByLabel('one a line').fill(`# of birds\n${url(3)}`);
    await page.getByRole('button', { name: 'Show what it would touch' }).click();
    await touched.waitFor();
    await page.getByLabel('Note').fill('asked <by> mail');
    await page.getByLabel('I have looked').check();
    await button.click();
    await page.getByText('Removed 1 picture').waitFor();
    await page.getByText('of 31 pairs kept').waitFor();
    const after = Ledger.openReadOnly(folder);
    assert.equal(
      after.db.prepare(`SELECT note FROM tombstones WHERE cause = '' AND kind = 'url'`).pluck().get(),
      'asked <by> mail',
    );
    assert.equal(after.isTakenDown({ url: url(3) }), true);
    after.close();
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

  it('shows what a run makes of held-out pairs: hidden words and regions, pictures found for texts', async () => {
    const seen = page.getByRole('region', { name: 'What a run makes of held-out pairs' });
    await seen.getByRole('link', { name: '<b>second' }).click();
    await seen.getByText('This run has no checkpoint yet.').waitFor();
    await trainRun(folder, 'asked');
    await seen.getByRole('link', { name: 'asked' }).click();
    await seen.getByText('By the checkpoint of step 2.').waitFor();
    const filled = seen.locator('.filled > li');
    const count = Number((await seen.getByText(/^Pairs 1 to/).textContent())!.match(/of (\d+)$/)![1]);
    assert.equal(await filled.count(), Math.min(6, count));
    const first = filled.first();
    // Every hidden part has its three guesses, of which the likeliest is right or wrong.
    const hidden = (await first.locator('p mark').count()) + (await first.locator('.tag').count());
    assert.ok((await first.locator('p mark').count()) > 0);
    const guesses = await first.locator('.guesses > li').allTextContents();
    assert.equal(guesses.length, hidden);
    for (const guess of guesses) assert.match(guess, /(right|wrong)\s+\S+ [\d.]+ %, \S+ [\d.]+ %, \S+ [\d.]+ %$/);
    assert.equal(await first.locator('svg rect:not(.tag)').count(), 4);
    assert.match((await first.locator('svg').getAttribute('aria-label')) ?? '', /4 regions/);
    // The picture of the pair lies under its regions.
    const href = await first.locator('image').getAttribute('href');
    assert.match(href ?? '', /^\/picture\/[0-9a-f]{32}\/small$/);
    assert.equal(await page.evaluate(`fetch('${href}').then(({ status }) => status)`), 200);
    assert.equal(await first.locator('svg').getAttribute('viewBox'), '0 0 400 320');
    // Retrieval: every text shown is right or wrong, and its own picture is among those shown.
    const told = await seen.getByText('find their own picture first').textContent();
    const right = Number(told!.match(/^(\d+) of/)![1]);
    assert.ok(told!.includes(`of ${count} texts find their own picture first among all ${count}, by contrast.`), told!);
    const found = seen.locator('.found > li');
    assert.equal(await found.count(), Math.min(4, right) + Math.min(4, count - right));
    assert.equal(await seen.locator('.own').count(), await found.count());
    if (count > 6) {
      await seen.getByRole('link', { name: 'Other pairs' }).click();
      await seen.getByText('Pairs 7 to').waitFor();
    }
    // Of a checkpoint that came meanwhile everything is asked anew.
    await trainRun(folder, 'asked', 3);
    const foundAgain = page.waitForResponse((response) => response.url().includes('/api/runs/found'));
    await page.evaluate("location.hash = location.hash.replace(/&from=.*|$/, '&from=1')");
    await seen.getByText('By the checkpoint of step 3.').waitFor();
    assert.equal(((await (await foundAgain).json()) as { step: number }).step, 3);
    await seen.getByText('find their own picture first').waitFor();
    assert.notEqual(await page.title(), 'taken');
  });

  it('has nothing that axe complains of, in light and dark, on a desk and on a phone, and never scrolls sideways', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 800 });
        for (const [view, shown] of [
          ['pairs', '.card'],
          [`search?like=${idOf(4)}`, '.near'],
          ['thresholds', '.outcome'],
          ['labels', '.question'],
          [`takedown?what=${encodeURIComponent(url(4))}`, '.confirm'],
          ['crawl', '.figures'],
          ['training?run=asked', '.found'],
        ]) {
          await page.goto(`${new URL(workbench.url).origin}/#/${view}`);
          await page.reload();
          await page.locator(shown!).first().waitFor();
          await page.getByText('pairs kept').waitFor();
          const where = `${view!.split('?')[0]}, ${colorScheme}, ${width} px`;
          await shot(where);
          assert.deepEqual(await violations(), [], where);
          const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
          assert.ok(overflow <= 0, `${where}: ${overflow} px too wide`);
        }
      }
    }
  });

  it('finds nothing to complain of in the page of lait report either', async () => {
    const path = join(folder, 'report.html');
    await writeReport({ corpusDir: folder, path, signal: new AbortController().signal });
    await page.goto(pathToFileURL(path).href);
    assert.match((await page.locator('h1').textContent()) ?? '', /^lait-page-\w+: what became of the pairs$/);
    assert.match((await page.locator('.of').textContent()) ?? '', /^Written on \d+ \w+ 20\d\d, judged by /);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 800 });
        const where = `report, ${colorScheme}, ${width} px`;
        await shot(where);
        assert.deepEqual(await violations(), [], where);
        const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
        assert.ok(overflow <= 0, `${where}: ${overflow} px too wide`);
        // A rule's name is there in full.
        const cut = await page.locator('.label').evaluateAll((labels) => labels.filter((label) => label.scrollWidth > label.clientWidth).length); // biome-ignore format: one line
        assert.equal(cut, 0, where);
      }
    }
  });

  it('shows more pairs when asked, and leads the keyboard past what stands on every page', async () => {
    const ledger = Ledger.open(folder);
    const found = Array.from({ length: 40 }, (_, at) => ({
      url: `http://many.example/${at}.jpg`,
      texts: [{ source: 'alt' as const, text: `One bird of forty, number ${at}` }],
    }));
    ledger.recordPage({ url: 'http://many.example/', status: 'fetched', fetchedAtMs: 1_700_000_000_000 }, found);
    const all = Number(ledger.db.prepare('SELECT count(*) FROM pairs').pluck().get());
    ledger.close();
    await page.goto(`${new URL(workbench.url).origin}/#/pairs`);
    await page.reload();
    await page.getByText('The newest 60').waitFor();
    await hasCards(60, 'the first page');
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByText(`${all} pairs, newest first`).waitFor();
    await hasCards(all, 'all pairs');
    assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
    await page.reload();
    await hasCards(60, 'after a reload');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'main');
    assert.equal(new URL(page.url()).hash, '#/pairs');
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
