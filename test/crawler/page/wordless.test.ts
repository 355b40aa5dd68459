/** Texts that describe nothing, and descriptions that look like them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRemark } from '../../../crawler/page/remarks.ts';
import { isNameOfFile, isWordless } from '../../../crawler/page/wordless.ts';

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
  'Thumbnail 3 of 17',
  'gallery subImage thumbnail 1 of 17',
  'View all media',
  'video thumbnail',
  'Load video:',
  `'"\`UNIQ--ref-0000002A-QINU\`"'`,
  'Foto by A. Diez Herrero',
  '© Inria / Photo C. Morel',
  'Image Credit: AutoRentals.com via Flickr (license)',
  'Illustration: Debora Szpilman',
  'Instagram (Screenshot)',
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
  'Photos: Ruins of a damaged police station in Tehran',
  'Reuters building in London',
  'View of the harbour',
  'Playing children',
  'Boeing 747',
  'Via Appia',
  'The Photographer',
  'Wren',
  '鳥',
  'Creditors meet in Athens. Photo: Reuters shows them at noon.',
];

for (const text of wordless) test(`no words: ${text}`, () => assert.equal(isWordless(text), true));
for (const text of words) test(`words: ${text}`, () => assert.equal(isWordless(text), false));

const names: [text: string, file: string, isName: boolean][] = [
  ['bgedemo', 'bgedemo.jpg', true],
  ['bcg_2015_date', 'bcg_2015_date.png', true],
  ['Recovery pillow collection 600x600', 'recovery-pillow_collection_600x600.jpg', true],
  ['2020 RUNNING STANDARD CQ5 A9790', '2020_RUNNING_STANDARD_CQ5A9790.jpg', true],
  ['Brust Oeffnung 2022 03 03 173430', 'Brust-Oeffnung_2022-03-03-173430_anfw.jpg', true],
  ['Snake plant', 'snake-plant.jpg', false],
  ['Waterproof Trekking Backpack 75L', 'Waterproof_Trekking_Backpack_75L.jpg', false],
  ['Boeing 747', 'boeing-747.jpg', false],
  ['BACON', 'bacon.jpg', false],
  ['Zebrafish', 'zebrafish.jpg', false],
];
for (const [text, file, isName] of names)
  test(`${isName ? 'the name of a file' : 'words'}: ${text}`, () =>
    assert.equal(isNameOfFile(text, `https://a.example/${file}`), isName));

const remarks = [
  '$34.00',
  'From $24.00',
  '1.299,00 €',
  'Orders $39+ ship free!',
  '12 May 2021',
  'Updated: Dec 10, 2025',
  '2021-05-12',
  '3 days ago',
  'Shop now',
  'Read more »',
  'Add to cart',
  'Weiterlesen',
  'Leggi anche:',
  'Item Number: BenQ-LK936ST',
  'By Amy Roeder',
  '146 Reviews',
  '11 Kommentare',
  'Rated 5.00 out of 5',
  '25',
];
const statements = [
  'The Wren',
  'Read the river: a guide for anglers',
  'Shop of an apothecary in Prague',
  'May blossom',
  'March of the penguins',
  'By the river',
  'Book of Kells',
  'Five stars of Orion',
  'Price of a loaf in 1920',
  '鳥',
];
for (const text of remarks) test(`a remark: ${text}`, () => assert.equal(isRemark(text), true));
for (const text of statements) test(`no remark: ${text}`, () => assert.equal(isRemark(text), false));
