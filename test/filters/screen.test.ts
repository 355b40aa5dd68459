import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Funnel, funnel } from '../../dataset/ledger/funnel.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import type { StoredImage } from '../../dataset/ledger/records.ts';
import { keptSamples } from '../../dataset/ledger/survivors.ts';
import type { SourcedText } from '../../dataset/pair.ts';
import { random } from '../../dataset/random.ts';
import { type Filter, keep } from '../../filters/filter.ts';
import { recipe as fullRecipe, type RecipeOptions } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';

const english =
  'The harbour museum shows how boats were built in the village before there were roads between the farms.';
const spanish =
  'El museo del puerto muestra cómo se construían los barcos en el pueblo antes de que hubiera carreteras.';

/** Without the rules that open images: these tests store measurements only. */
const recipe = (options: RecipeOptions = {}) => fullRecipe({ minEntropyBits: null, minSharpness: null, ...options });

let folder: string;
let ledger: Ledger;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lait-screen-'));
  ledger = Ledger.open(folder);
});
afterEach(() => {
  ledger.close();
  rmSync(folder, { recursive: true });
});

const url = (name: string) => `http://site.test/${name}`;
const alt = (text: string): SourcedText[] => [{ source: 'alt', text }];

function page(path: string, text: string, images: Record<string, SourcedText[]>) {
  ledger.recordPage(
    { url: url(path), status: 'fetched', text, fetchedAtMs: 1 },
    Object.entries(images).map(([name, texts]) => ({ url: url(name), texts })),
  );
}

let next = 0;

function image(name: string, changes: Partial<StoredImage> = {}) {
  next += 1;
  const stored = {
    format: 'jpeg',
    width: 640,
    height: 480,
    frames: 1,
    byteLength: 9000,
    sha256: next.toString(16).padStart(64, '0'),
    phash: ((BigInt(next) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn).toString(16).padStart(16, '0'),
    segment: 0,
    offset: next * 1024,
    ...changes,
  };
  ledger.recordImage({ url: url(name), status: 'success', fetchedAtMs: 2, stored });
}

/** Rule → reasons, only where something was dropped. */
const drops = ({ rows }: Funnel) =>
  Object.fromEntries(
    rows
      .filter(({ dropped }) => dropped > 0)
      .map(({ rule, reasons }) => [rule, Object.fromEntries(reasons.map(({ reason, count }) => [reason, count]))]),
  );

function smallCorpus() {
  page('en', english, {
    'boat.jpg': [...alt('A red wooden boat lies on the beach'), { source: 'title', text: 'A boat from the year 1880' }],
    'copy.jpg': [{ source: 'caption', text: 'The red boat once more' }],
    'thumb.jpg': alt('A smaller picture of the red boat'),
    'menu.png': alt('Open the menu here'),
    'gone.jpg': alt('A picture that is not there'),
    'late.jpg': alt('A picture that comes later'),
    'banner.jpg': alt('A long view of the coast'),
    'de.jpg': alt('Ein rotes Boot liegt am Strand'),
    'x.jpg': alt('boat'),
  });
  page('es', spanish, { 'barco.jpg': alt('Un barco rojo en la playa'), 'en.jpg': alt('A red boat on the beach') });
  image('boat.jpg', { sha256: 'b'.repeat(64), phash: 'f0f0f0f0f0f0f0f0' });
  image('copy.jpg', { sha256: 'b'.repeat(64), phash: 'f0f0f0f0f0f0f0f0' });
  image('thumb.jpg', { width: 320, height: 301, phash: 'f0f0f0f0f0f0f0f7' });
  image('menu.png', { format: 'png', width: 32, height: 32 });
  image('banner.jpg', { width: 2000, height: 400 });
  image('de.jpg');
  image('x.jpg');
  image('barco.jpg');
  ledger.recordImage({ url: url('gone.jpg'), status: 'failed_to_download', reason: 'http-404', fetchedAtMs: 2 });
}

describe('screen', () => {
  it('drops each pair by the first rule that objects, and counts every pair once', async () => {
    smallCorpus();
    const result = await screen({ ledger, recipe: recipe() });
    assert.deepEqual(drops(result), {
      'text/length': { 'too-short': 1 },
      'page/language': { 'is-es': 2 },
      'text/language': { 'is-de': 1 },
      download: { 'http-404': 1, pending: 1 },
      'image/size': { 'too-small': 1 },
      'image/aspect': { 'too-wide': 1 },
      'corpus/duplicate-image': { 'near-duplicate': 1, 'same-bytes': 1 },
      'corpus/best-text': { 'better-text': 1 },
    });
    assert.equal(result.found, 12);
    assert.equal(result.unjudged, 0);
    assert.equal(result.kept, 1);
    assert.deepEqual(
      result.rows.map(({ rule }) => rule),
      [
        'text/clean',
        'page/host',
        'image/dominant',
        'text/length',
        'text/file-name',
        'text/boilerplate',
        'image/url-words',
        'text/symbols',
        'text/repetition',
        'text/unsafe-words',
        'text/personal',
        'page/language',
        'text/language',
        'download',
        'image/format',
        'image/animation',
        'image/size',
        'image/aspect',
        'image/bytes',
        'image/area',
        'corpus/common-text',
        'corpus/duplicate-image',
        'corpus/best-text',
      ],
    );
    assert.deepEqual(
      [...keptSamples(ledger)].map(({ text }) => text),
      ['A red wooden boat lies on the beach'],
    );
  });

  it('judges only what is new, and the corpus rules see old and new together', async () => {
    smallCorpus();
    await screen({ ledger, recipe: recipe() });
    image('late.jpg');
    page('more', english, { 'boat.jpg': [{ source: 'list', text: 'A better text for the old boat' }] });
    const judged: number[] = [];
    const result = await screen({ ledger, recipe: recipe(), onProgress: ({ total }) => judged.push(total) });
    assert.deepEqual(new Set(judged), new Set([2]));
    assert.deepEqual([...keptSamples(ledger)].map(({ text }) => text).sort(), [
      'A better text for the old boat',
      'A picture that comes later',
    ]);
    assert.equal(result.kept, 2);
    const again: number[] = [];
    await screen({ ledger, recipe: recipe(), onProgress: ({ total }) => again.push(total) });
    assert.deepEqual(again, []);
  });

  it('judges everything anew when a threshold has moved, and gives what a fresh screening gives', async () => {
    smallCorpus();
    const before = await screen({ ledger, recipe: recipe() });
    for (const changes of [
      { minSidePx: 20 },
      { minWords: 1 },
      { maxAspectRatio: 6 },
      { languages: ['en', 'de'] },
      {},
    ]) {
      const moved = await screen({ ledger, recipe: recipe(changes) });
      ledger.db.exec('UPDATE pairs SET judged_by = NULL, dropped_by = NULL, drop_reason = NULL');
      assert.deepEqual(await screen({ ledger, recipe: recipe(changes) }), moved, JSON.stringify(changes));
    }
    assert.deepEqual(funnel(ledger), before);
  });

  it('asks only the rules that changed', async () => {
    smallCorpus();
    const asked: string[] = [];
    const watched = (minSidePx: number) => {
      const { clean, text, image, corpus } = recipe({ minSidePx });
      const watch = <F extends { name: string; judge: (x: never) => unknown }>(rule: F): F => ({
        ...rule,
        judge: (x: never) => {
          asked.push(rule.name);
          return rule.judge(x);
        },
      });
      return { clean: clean!, text: text.map(watch), image: image.map(watch), corpus };
    };
    await screen({ ledger, recipe: watched(301) });
    asked.length = 0;
    await screen({ ledger, recipe: watched(20) });
    // The small image now passes and meets the rules after its size; the others have passed those already.
    assert.deepEqual(
      asked.filter((name) => name !== 'image/size'),
      ['image/aspect', 'image/bytes', 'image/area'],
    );
  });

  it('goes on after a stop where it was, with the same result', async () => {
    smallCorpus();
    const stop = new AbortController();
    await assert.rejects(
      screen({
        ledger,
        recipe: recipe(),
        batchSize: 2,
        signal: stop.signal,
        onProgress: ({ judged }) => judged >= 4 && stop.abort(new Error('stopped')),
      }),
      /stopped/,
    );
    assert.equal(funnel(ledger).unjudged, 8);
    const rest: number[] = [];
    const resumed = await screen({ ledger, recipe: recipe(), onProgress: ({ total }) => rest.push(total) });
    assert.deepEqual(new Set(rest), new Set([8]));
    ledger.db.exec('UPDATE pairs SET judged_by = NULL');
    assert.deepEqual(await screen({ ledger, recipe: recipe() }), resumed);
  });

  it('hears a signal within a batch, however long its texts, and keeps what it judged', async () => {
    const texts = Array.from({ length: 1500 }, (_, n) => alt(`${english.repeat(150)} ${n}`));
    page('long', english, Object.fromEntries(texts.map((text, n) => [`${n}.jpg`, text])));
    const stop = new AbortController();
    const { text, ...others } = recipe();
    const stopping: Filter = {
      name: 'text/stopping',
      settings: {},
      judge: () => {
        setImmediate(() => stop.abort(new Error('stopped')));
        return keep;
      },
    };
    await assert.rejects(
      screen({ ledger, recipe: { text: [stopping, ...text], ...others }, signal: stop.signal }),
      /stopped/,
    );
    const { unjudged } = funnel(ledger);
    assert.ok(unjudged > 0 && unjudged < texts.length, `${unjudged} of ${texts.length}`);
  });

  it('keeps the same pairs whatever the order of the rules within a stage', async () => {
    smallCorpus();
    await screen({ ledger, recipe: recipe() });
    const kept = [...keptSamples(ledger)];
    const { text, image, ...others } = recipe();
    const orders = [[text.toReversed(), image.toReversed()] as const];
    for (let seed = 0; seed < 8; seed++) {
      const draw = random(seed);
      orders.push([draw.shuffle([...text]), draw.shuffle([...image])]);
    }
    for (const [texts, images] of orders) {
      // Anew, so that no verdict of another order stands.
      ledger.db.exec('UPDATE pairs SET judged_by = NULL, dropped_by = NULL, drop_reason = NULL');
      await screen({ ledger, recipe: { text: texts, image: images, ...others } });
      const order = [...texts, ...images].map(({ name }) => name).join(' ');
      assert.deepEqual([...keptSamples(ledger)], kept, order);
    }
  });

  it('refuses a recipe with the same rule twice', async () => {
    const { text, image, corpus } = recipe();
    await assert.rejects(screen({ ledger, recipe: { text: [...text, ...text], image, corpus } }), {
      name: 'UserError',
      message: 'Expected each rule once for the recipe but received page/host twice; remove one of them.',
    });
  });
});

it('the language of each text and its score are kept, also where a corpus was screened before they were', async () => {
  page('a.html', english, {
    '1.jpg': alt('A red boat in the harbour of the village'),
    '2.jpg': alt('Un barco rojo en el puerto del pueblo viejo'),
  });
  image('1.jpg');
  image('2.jpg');
  const languages = () =>
    ledger.db.prepare('SELECT language, round(language_score, 1) FROM pairs ORDER BY rowid').raw().all();
  await screen({ ledger, recipe: recipe() });
  const found = languages() as [string, number][];
  assert.deepEqual(
    found.map(([code, score]) => [code, score > 0.3 && score <= 1]),
    [
      ['en', true],
      ['es', true],
    ],
  );
  // As an older lait left it: judged by version 2 of the rule, without languages.
  ledger.db.exec(`UPDATE pairs SET language = NULL, language_score = NULL;
    UPDATE recipes SET rules = replace(rules, '"text/language","stage":"text","version":3', '"text/language","stage":"text","version":2'),
      sha256 = 'older'`);
  await screen({ ledger, recipe: recipe() });
  assert.deepEqual(languages(), found);
  // Another threshold asks nothing anew and forgets nothing.
  await screen({ ledger, recipe: recipe({ minSidePx: 100 }) });
  assert.deepEqual(languages(), found);
});
