/** What a picture is on its pages: stored with the page, forgotten with it, and judged by the best page that gives the pair. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from '../../../dataset/export/explain.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { scores } from '../../../dataset/ledger/figures.ts';
import { placesOfPair } from '../../../dataset/ledger/places.ts';
import type { WrittenDominance } from '../../../dataset/ledger/records.ts';
import { pairsToJudge } from '../../../dataset/ledger/verdicts.ts';
import { type PictureClass, pairId } from '../../../dataset/pair.ts';
import { recipe } from '../../../filters/recipe.ts';
import { screen } from '../../../filters/screen.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';

const image = 'https://a.example/boat.jpg';
const text = 'A red boat lies on the shore of the lake';
const id = pairId(image, text);
const page = (name: string) => ({ url: `https://a.example/${name}`, status: 'fetched', fetchedAtMs: 1 }) as const;
const features = { 'in-figure': [1, 1.2], 'region-header': [1, -4.5] };
const dominance = (pictureClass: PictureClass, score: number): WrittenDominance => ({
  class: pictureClass,
  score,
  features: JSON.stringify(features),
});
const found = (is?: WrittenDominance) => ({
  url: image,
  texts: [{ source: 'alt', text } as const],
  ...(is ? { dominance: is } : {}),
});

test('a pair has the best place of the pages that give it', (t) => {
  const { ledger, remove } = temporaryCorpus();
  t.after(remove);
  const judged = () => [...pairsToJudge(ledger, 0)].flat().map(({ pair }) => pair.dominance);

  ledger.recordPage(page('list'), [found()], 'not-on-page');
  assert.deepEqual(judged(), [undefined]);
  ledger.recordPage(page('list'), [found(dominance('teaser', 0.1))], 'not-on-page');
  ledger.recordPage(page('story'), [found(dominance('subject', 0.9))], 'not-on-page');
  assert.deepEqual(judged(), [{ class: 'subject', score: 0.9 }]);
  // A page that shows the picture with other words says nothing of this pair.
  ledger.recordPage(
    page('other'),
    [{ ...found(dominance('subject', 1)), texts: [{ source: 'alt', text: 'Boats' }] }],
    'not-on-page',
  );
  assert.deepEqual(judged(), [
    { class: 'subject', score: 0.9 },
    { class: 'subject', score: 1 },
  ]);
  ledger.recordPage(page('story'), [], 'not-on-page');
  assert.deepEqual(judged()[0], { class: 'teaser', score: 0.1 });
  assert.deepEqual(
    placesOfPair(ledger, id).map(({ pageUrl }) => pageUrl),
    ['https://a.example/list'],
  );
  // A sitemap adds words and leaves the place.
  ledger.recordPage(page('list'), [{ url: image, texts: [{ source: 'sitemap', text: 'The boat' }] }]);
  assert.deepEqual(judged()[0], { class: 'teaser', score: 0.1 });
});

test('a pair is judged anew when one of its places changes, and only then', async (t) => {
  const { ledger, remove } = temporaryCorpus();
  t.after(remove);
  const judgedBy = () => ledger.db.prepare('SELECT judged_by IS NOT NULL FROM pairs WHERE id = ?').pluck().get(id);
  const filter = () => screen({ ledger, recipe: recipe({ pageLanguage: false }) });
  const droppedBy = () => ledger.db.prepare('SELECT dropped_by, drop_reason FROM pairs WHERE id = ?').raw().get(id);

  ledger.recordPage(page('list'), [found(dominance('teaser', 0.1))], 'not-on-page');
  await filter();
  assert.deepEqual(droppedBy(), ['image/dominant', 'teaser']);
  ledger.recordPage(page('list'), [found(dominance('teaser', 0.1))], 'not-on-page');
  assert.equal(judgedBy(), 1);
  ledger.recordPage(page('list'), [found(dominance('furniture', 0.1))], 'not-on-page');
  assert.equal(judgedBy(), 0);
  await filter();
  assert.deepEqual(droppedBy(), ['image/dominant', 'furniture']);
  ledger.recordPage(page('story'), [found(dominance('subject', 0.9))], 'not-on-page');
  assert.equal(judgedBy(), 0);
  await filter();
  assert.deepEqual(droppedBy(), ['download', 'pending']);
  ledger.recordPage(page('story'), [], 'not-on-page');
  assert.equal(judgedBy(), 0);
});

test('the threshold is a query: the score is stored, and moves no request', async (t) => {
  const { ledger, remove } = temporaryCorpus();
  t.after(remove);
  ledger.recordPage(page('story'), [found(dominance('subject', 0.6))], 'not-on-page');
  const verdict = async (minDominance: number | null) => {
    await screen({ ledger, recipe: recipe({ pageLanguage: false, minDominance }) });
    return ledger.db.prepare('SELECT dropped_by, drop_reason FROM pairs').raw().get();
  };
  assert.deepEqual(await verdict(0.4), ['download', 'pending']);
  assert.deepEqual(scores(ledger).get('image/dominant'), [0.6]);
  assert.deepEqual(await verdict(0.7), ['image/dominant', 'unsure-subject']);
  assert.deepEqual(await verdict(null), ['download', 'pending']);
});

test('explain tells what the picture is on each page, and why', async (t) => {
  const { dir, ledger, remove } = temporaryCorpus();
  t.after(remove);
  ledger.recordPage(page('list'), [found(dominance('teaser', 0.1))], 'not-on-page');
  ledger.recordPage(page('story'), [found(dominance('subject', 0.9))], 'not-on-page');
  const { pairs } = await explain({ corpusDir: dir, what: id });
  assert.deepEqual(pairs[0]!.places, [
    { pageUrl: 'https://a.example/story', ...dominance('subject', 0.9), features },
    { pageUrl: 'https://a.example/list', ...dominance('teaser', 0.1), features },
  ]);
});

test('a takedown forgets the places', async (t) => {
  const { dir, ledger, remove } = temporaryCorpus();
  t.after(remove);
  const count = () => ledger.db.prepare('SELECT count(*) FROM places').pluck().get();
  const other = { ...found(dominance('subject', 0.8)), url: 'https://b.example/tree.jpg' };
  ledger.recordPage(page('list'), [found(dominance('teaser', 0.1)), other], 'not-on-page');
  ledger.recordPage(page('story'), [found(dominance('subject', 0.9))], 'not-on-page');
  await takedown({ corpusDir: dir, urls: [image] });
  assert.equal(count(), 1);
  await takedown({ corpusDir: dir, urls: ['https://a.example/list'] });
  assert.equal(count(), 0);
});
