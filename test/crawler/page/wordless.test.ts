/** Texts that describe nothing, and descriptions that look like them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWordless } from '../../../crawler/page/wordless.ts';

const wordless = [
  '_images/b.png',
  'IMG_2031',
  'Screen Shot 2022-07-10 at 8.11.16 AM.png',
  'Meghan Markle mxp vpx _00003220.jpg',
  'DSC 0042',
  '98A6BAD0-D867-451F-AB8A-72E7EC6954E0',
  'WhatsApp-Image-2022-05-03-at-7.14.15-PM',
  'Screen Shot 2022-07-10 at 8.11.16 AM',
  'Image',
  'Bild 3',
  'featured image',
  'Slide 1',
  'Loading…',
  '#{product.name}',
  '{{title}}',
  '$'.concat('{alt}'),
  'undefined',
  '[object Object]',
  'May be an image of 2 people and text',
  'Image may contain: sky, outdoor',
  'No photo description available.',
  'This image has an empty alt attribute; its file name is a.png',
  '© Mila Hacke_Berlin',
  'Photo: Getty Images',
  'Bildquelle: dpa',
  'Click to enlarge',
  'Bild vergrößern',
  '12 / 34',
  '…',
];
const words = [
  'A wren on a branch',
  'A picture at /cut.jpg',
  'Image processing in the eye of a bee',
  'Photo booth at a wedding in Rome',
  'Loading a truck with hay',
  'Picture of a wren',
  'Figure 3: the loading dock',
  'Bilderbuch aus Wien',
  'Nullarbor Plain',
  'COVID-19',
  'Boeing 747',
  'Via Appia',
  'The Photographer',
  'Wren',
  '鳥',
  'Creditors meet in Athens. Photo: Reuters shows them at noon.',
];

for (const text of wordless) test(`no words: ${text}`, () => assert.equal(isWordless(text), true));
for (const text of words) test(`words: ${text}`, () => assert.equal(isWordless(text), false));
