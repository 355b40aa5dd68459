import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { textClean } from '../../../filters/text/clean.ts';

const { clean } = textClean();

describe('text/clean', () => {
  for (const [found, cleaned] of [
    ['A red boat', 'A red boat'],
    ['  A\tred\n\u00a0boat ', 'A red boat'],
    ['A re\u00add boat\u200b', 'A red boat'],
    ['A \u202ered\u202c boat\u2069', 'A red boat'],
    ['A \u0000red\u0007 boat\u009f', 'A red boat'],
    ['A red boat \ufffd\ue000', 'A red boat'],
    ['نمی\u200cخواهم', 'نمی\u200cخواهم'],
    ['Cafe\u0301 in Paris', 'Café in Paris'],
    ['A red boat - click to enlarge', 'A red boat'],
    ['A red boat (Click here to enlarge the image)', 'A red boat'],
    ['Royalty-free stock photo | A red boat', 'A red boat'],
    ['A red boat, image may be subject to copyright', 'A red boat'],
    ['A red boat (opens in a new tab)', 'A red boat'],
    ['A stock photographer on the beach', 'A stock photographer on the beach'],
    ['A red boat https://site.test/x?y=1', 'A red boat'],
    ['click to (stock photo) enlarge', ''],
    ['A bo\ud800at', 'A boat'],
    ['“A red boat.”', '“A red boat.”'],
    ['赤い船', '赤い船'],
    ['', ''],
    // Credits, in brackets that may hold brackets, or after the last sentence.
    ['A red boat. (credit: “Boat (red)” by A. Smith/flickr, CC BY 2.0)', 'A red boat.'],
    ['A boat (credit, left: A. Smith; right: B. Jones)', 'A boat'],
    ['Un barco (créditos: modificación del trabajo de A. Smith)', 'Un barco'],
    ['A red boat (Photo by A. Smith) on the beach', 'A red boat on the beach'],
    ['A red boat. Photo: A. Smith/Agency', 'A red boat.'],
    ['A red boat | © 2020 A. Smith', 'A red boat'],
    ['A red boat — Courtesy of the Harbour Museum.', 'A red boat'],
    ['A photo by the window', 'A photo by the window'],
    ['A man (source of the river behind) in a boat', 'A man (source of the river behind) in a boat'],
    ['A boat. Photo by Ann. It is red.', 'A boat. Photo by Ann. It is red.'],
    ['Boas is credited with this. (He was 57.)', 'Boas is credited with this. (He was 57.)'],
    ['A bank (credit union) in town', 'A bank (credit union) in town'],
    // Numbers of figures and sections, not of things.
    ['Figure 12.31. The main keyboard', 'The main keyboard'],
    ['Fig. 3: A red boat', 'A red boat'],
    ['6.11.3. An example', 'An example'],
    ['3. Use notes', 'Use notes'],
    ['3 men in a boat', '3 men in a boat'],
    ['3.5 m of rope', '3.5 m of rope'],
    ['Figure skating in a rink', 'Figure skating in a rink'],
    ['Figure 9', 'Figure 9'],
    ['Figure 8 knot on a climbing rope', 'Figure 8 knot on a climbing rope'],
    ['Figure 8: a knot on a climbing rope', 'a knot on a climbing rope'],
    ['Figure 8. Knot on a climbing rope', 'Knot on a climbing rope'],
    ['Figure 8-knot on a climbing rope', 'Figure 8-knot on a climbing rope'],
    ['Figure 12 The main keyboard', 'The main keyboard'],
    ['Figure 3.1 Boats in the harbour', 'Boats in the harbour'],
    ['FIGURE 2-1 | A red boat', 'A red boat'],
    ['Fig. 3. A red boat', 'A red boat'],
    ['Fig. 3 A red boat', 'A red boat'],
    ['Fig. 3a) A red boat', 'A red boat'],
    ['Fig. 3 trees on a hill', 'Fig. 3 trees on a hill'],
    ['Abb. 2: Ein rotes Boot', 'Ein rotes Boot'],
    ['Abb. 2 Das rote Boot', 'Das rote Boot'],
    ['Abbildung 12 – Das rote Boot', 'Das rote Boot'],
    ['Table 4 chairs and a lamp', 'Table 4 chairs and a lamp'],
    ['Table 4: chairs and a lamp', 'chairs and a lamp'],
    ['Plate IV. A red boat', 'A red boat'],
    ['Plate mix. A red boat', 'Plate mix. A red boat'],
    ['Photo 1 of 12: A red boat', 'A red boat'],
    ['Photo 51 of the helix', 'Photo 51 of the helix'],
    ['Bild 3: Ein Boot', 'Ein Boot'],
    ['2. Weltkrieg in Bildern', '2. Weltkrieg in Bildern'],
    ['3. Mai 1945 in Berlin', '3. Mai 1945 in Berlin'],
    ['1. FC Köln jubelt', '1. FC Köln jubelt'],
    ['3. Maibaum im Dorf', 'Maibaum im Dorf'],
    // Words that announce a picture, not pictures that are seen.
    ['Photo: A red boat', 'A red boat'],
    ['Image: A red boat', 'A red boat'],
    ['FILE PHOTO: A red boat', 'A red boat'],
    ['FILE - A red boat', 'A red boat'],
    ['Picture – a red boat', 'a red boat'],
    ['Alt text: A red boat', 'A red boat'],
    ['A photo: two boats in a frame', 'A photo: two boats in a frame'],
    ['Photo booth at a wedding', 'Photo booth at a wedding'],
    ['Photo of a red boat', 'Photo of a red boat'],
    ['File cabinet - a red one', 'File cabinet - a red one'],
    ['Picture-perfect harbour', 'Picture-perfect harbour'],
    ['Photo: A. Smith/Reuters', ''],
    ['Image credit: Ann Smith', ''],
    ['Photo: A boat of Reuters', 'A boat of Reuters'],
    // Stock sites.
    ['Download this stock image: A red boat on a beach', 'A red boat on a beach'],
    ['Download this Stock Photo - A red boat', 'A red boat'],
    ['Free download: photo of a red boat', 'Free download: photo of a red boat'],
    ['Download free photo of a red boat', 'a red boat'],
    ['Buy this royalty-free stock photo: red boats', 'red boats'],
    ['View image: a red boat', 'a red boat'],
    ['View of a red boat', 'View of a red boat'],
    ['Stock photo of a red boat', 'a red boat'],
    ['Stock Photo: a red boat', 'a red boat'],
    ['Royalty-Free Stock Image showing a red boat', 'a red boat'],
    ['Stock photo red boat on a beach', 'red boat on a beach'],
    ['Red boat on a beach stock photo', 'Red boat on a beach'],
    ['Red boat on a beach, stock photo', 'Red boat on a beach'],
    ['Red boat Stock Photo - Alamy', 'Red boat'],
    ['Red boat royalty free stock photography', 'Red boat'],
    ['Red boat - Stock Image - C0123456', 'Red boat'],
    ['A red boat | Download this photo', 'A red boat'],
    ['A woman choosing a stock photo on a laptop', 'A woman choosing a stock photo on a laptop'],
    ['A shelf full of stock photos', 'A shelf full of stock photos'],
    ['A wall of vintage stock photos in a bar', 'A wall of vintage stock photos in a bar'],
    ['Stock photo agencies in London', 'Stock photo agencies in London'],
    ['Stock images are everywhere here', 'Stock images are everywhere here'],
    ['A man opens in a new window box', 'A man opens in a new window box'],
    ['A red boat. Opens in a new tab', 'A red boat.'],
    // Unclosed: as it is.
    ['A red boat (credit: A. Smith', 'A red boat (credit: A. Smith'],
  ] as const) {
    it(`${JSON.stringify(found)} → ${JSON.stringify(cleaned)}`, () => assert.equal(clean(found), cleaned));
  }

  it('crops nothing where the recipe does not', () => {
    const { clean: bare } = textClean({ crop: false });
    assert.equal(bare(' A boat -  stock photo (credit: A. Smith) '), 'A boat - stock photo (credit: A. Smith)');
  });
  it('masks persons and contacts, also at either end, and cuts after that', () => {
    const { clean: masks } = textClean({
      maskPersons: true,
      maskContacts: true,
      firstSentences: { maxWords: 5, maxChars: 100 },
    });
    assert.equal(masks('- Zora Neale Hurston -'), '<PERSON>');
    assert.equal(masks('ann@site.test | +44 20 7946 0958'), '<EMAIL> | <PHONE>');
    assert.equal(masks('> @ann_s <'), '<usr>');
    assert.equal(masks('Zora Neale Hurston sings in Paris. She smiles. © A. Smith'), '<PERSON> sings in Paris.');
  });

  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 }).map((units) => String.fromCharCode(...units)),
    fc
      .array(
        fc.constantFrom(
          ...'stock photo,click to,enlarge, ,(,),|,-,www.,a,\u0958,é,(credit:,Photo by ,. ,© '.split(','),
        ),
      )
      .map((parts) => parts.join('')),
    fc
      .array(
        fc.constantFrom(
          ...'Ann,Ann Smith,Dr.,J.,van,of,Lake,<PERSON>,<,>,a@b.cd,@ann,+1-555-010-9999,runs.'.split(','),
        ),
      )
      .map((parts) => parts.join(' ')),
  );
  const count = (text: string): number => text.split(/[\s\p{Cc}\p{Z}]+/u).filter((word) => word !== '').length;
  const all = textClean({ maskPersons: true, maskContacts: true, firstSentences: { maxWords: 8, maxChars: 40 } }).clean;
  for (const [name, cleaner] of Object.entries({ clean, all })) {
    it(`${name}: cleaned twice is cleaned once`, () => {
      fc.assert(
        fc.property(anything, (text) => assert.equal(cleaner(cleaner(text)), cleaner(text))),
        { numRuns: 2000 },
      );
    });
    it(`${name}: never gains a word`, () => {
      fc.assert(
        fc.property(anything, (text) => assert.ok(count(cleaner(text)) <= count(text))),
        { numRuns: 2000 },
      );
    });
  }
  it('without masks never lengthens a text', () => {
    const cut = textClean({ firstSentences: { maxWords: 8, maxChars: 40 } }).clean;
    fc.assert(
      fc.property(anything, (text) => assert.ok(cut(text).length <= text.length)),
      { numRuns: 2000 },
    );
  });
  it('leaves nothing of a text that is labels in labels, however many', () => {
    assert.equal(clean(`${'Photo: '.repeat(5)}A red boat`), 'A red boat');
    assert.equal(clean(`${'Photo: '.repeat(50)}A red boat`), '');
    const text = '(credit: ('.repeat(2000);
    assert.equal(clean(text), text.trim());
  });
});
