/** Which addresses of a labelled page show which picture. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledPage } from '../../../bench/seeing/labels.ts';
import { picturesOf } from '../../../bench/seeing/truth.ts';

const page: LabelledPage = {
  repository: 'wcxb',
  path: 'a.html',
  sha256: '',
  url: 'https://a.example/birds/',
  kind: 'article',
  half: 'seen',
  subject: [['#one', []]],
  teaser: [],
  furniture: [],
};
const cases: [html: string, addresses: string[]][] = [
  ['<img id=one src="wren.jpg">', ['https://a.example/birds/wren.jpg']],
  ['<img id=one src=" my wren.jpg">', ['https://a.example/birds/my%20wren.jpg']],
  [
    '<img id=one srcset=" \n wren.jpg?w=900 900w,\n wren.jpg?w=300 300w">',
    ['https://a.example/birds/wren.jpg?w=900', 'https://a.example/birds/wren.jpg?w=300'],
  ],
  [
    '<a href="/full/wren.jpg"><picture><source srcset="wren.webp 2x"><img id=one data-src="wren small.jpg"></picture></a>',
    [
      'https://a.example/birds/wren%20small.jpg',
      'https://a.example/birds/wren.webp',
      'https://a.example/full/wren.jpg',
    ],
  ],
];
for (const [html, addresses] of cases)
  test(html, () => assert.deepEqual([...picturesOf(page, html)[0]!.urls], addresses));
