/** Whether an image is dominant, feature by feature. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ImageFeatures, judgeDominance } from '../../../crawler/page/dominant.ts';

const plain: ImageFeatures = {
  region: null,
  inMain: false,
  inFigure: false,
  hasCaption: false,
  width: null,
  height: null,
  url: 'https://a.example/x.jpg',
  classes: '',
  alt: null,
  link: 'none',
  presentational: false,
  isRepresentative: false,
};

const cases: { name: string; image: Partial<ImageFeatures>; score: number; reason: string | null }[] = [
  { name: 'nothing known', image: {}, score: 1, reason: null },
  { name: 'a footer outweighs', image: { region: 'footer', alt: '' }, score: -7, reason: 'decoration-footer' },
  { name: 'main and a picture’s size', image: { inMain: true, width: 150, height: 150 }, score: 5, reason: null },
  { name: 'one pixel less is no sign', image: { inMain: true, width: 150, height: 149 }, score: 3, reason: null },
  { name: 'icon size', image: { inMain: true, width: 64, height: 90 }, score: -4, reason: 'decoration-icon-size' },
  { name: 'one pixel more', image: { inMain: true, width: 65, height: 90 }, score: 3, reason: null },
  {
    name: 'an aside of the article',
    image: { inMain: true, region: 'aside', alt: 'one two three' },
    score: -2,
    reason: 'decoration-aside',
  },
  {
    name: 'a figure in it',
    image: { inMain: true, region: 'aside', inFigure: true, alt: 'one two three' },
    score: 1,
    reason: null,
  },
  {
    name: 'a figure among related articles',
    image: { inMain: true, region: 'related', inFigure: true, alt: 'a b c' },
    score: 0,
    reason: 'decoration-related',
  },
  {
    name: 'a documentation icon',
    image: { inMain: true, url: 'https://a.example/images/note.png', alt: '[Note]' },
    score: -1,
    reason: 'decoration-icon-name',
  },
  {
    name: 'a picture that shows pixels',
    image: { inMain: true, url: 'https://a.example/erode-pixel.png' },
    score: 3,
    reason: null,
  },
  {
    name: 'a word that begins like one',
    image: { inMain: true, url: 'https://a.example/notebook.png' },
    score: 3,
    reason: null,
  },
  {
    name: 'an avatar’s host',
    image: { inMain: true, url: 'https://secure.gravatar.com/avatar/0f' },
    score: -3,
    reason: 'decoration-telling-host',
  },
  {
    name: 'the widget of a page builder',
    image: { classes: 'wp-image-3 elementor-widget-container' },
    score: 1,
    reason: null,
  },
  { name: 'a picture that was lazy', image: { classes: 'lazy image-placeholder' }, score: 1, reason: null },
  {
    name: 'an equation',
    image: { inMain: true, classes: 'math', alt: 'E = m c^2' },
    score: 0,
    reason: 'decoration-telling-class',
  },
  {
    name: 'a logo in a figure with caption',
    image: { inMain: true, inFigure: true, hasCaption: true, url: 'https://a.example/logo.png' },
    score: 4,
    reason: null,
  },
];
for (const { name, image, score, reason } of cases) {
  test(name, () =>
    assert.deepEqual(judgeDominance({ ...plain, ...image }), { isDominant: reason === null, score, reason }),
  );
}
