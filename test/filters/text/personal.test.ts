import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maskContacts, textPersonal } from '../../../filters/text/personal.ts';
import { outcome, pair } from '../sample.ts';

describe('text/personal', () => {
  for (const [text, reason, masked] of [
    ['A red boat on the beach', 'keep', 'A red boat on the beach'],
    ['Write to ann.smith@mail.example.org for prints', 'e-mail', 'Write to <EMAIL> for prints'],
    ['Write to jürgen@müller.example', 'e-mail', 'Write to <EMAIL>'],
    ['Call +44 20 7946 0958 for boats', 'telephone', 'Call <PHONE> for boats'],
    ['Call (555) 010-9999 for boats', 'telephone', 'Call <PHONE> for boats'],
    ['Call 555.010.9999 or +1-555-010-9999', 'telephone', 'Call <PHONE> or <PHONE>'],
    ['Photo by @ann_smith in May', 'user-handle', 'Photo by <usr> in May'],
    // As British, French, German and Spanish people write theirs.
    ['Call 020 7946 0958 for boats', 'telephone', 'Call <PHONE> for boats'],
    ['Boat hire, 020 7946 0958', 'telephone', 'Boat hire, <PHONE>'],
    ['Boat hire 07911 123456', 'telephone', 'Boat hire <PHONE>'],
    ['Boat hire (0161) 496 0000', 'telephone', 'Boat hire <PHONE>'],
    ['+44 (0)20 7946 0958', 'telephone', '<PHONE>'],
    ['Location de bateaux 01 42 68 53 00', 'telephone', 'Location de bateaux <PHONE>'],
    ['Tél. : 06.12.34.56.78', 'telephone', 'Tél. : <PHONE>'],
    ['Tél. 0033 1 42 68 53 00', 'telephone', 'Tél. <PHONE>'],
    ['Bootsverleih, Tel. 030 901820', 'telephone', 'Bootsverleih, Tel. <PHONE>'],
    ['Bootsverleih 0171 1234567', 'telephone', 'Bootsverleih <PHONE>'],
    ['Bootsverleih 089/12345678', 'telephone', 'Bootsverleih <PHONE>'],
    ['Telefon: +49 89 12345678, Fax: +49 89 12345679', 'telephone', 'Telefon: <PHONE>, Fax: <PHONE>'],
    ['Tel. 912 345 678', 'telephone', 'Tel. <PHONE>'],
    ['Boat hire 415-555-2671', 'telephone', 'Boat hire <PHONE>'],
    ['Phone number: 415 555 2671', 'telephone', 'Phone number: <PHONE>'],
    ['Call now! +1 415 555 2671 1990 Main Street', 'telephone', 'Call now! <PHONE> 1990 Main Street'],
    // Numbers of catalogues, books, days, places, machines and accounts.
    ['Teapot, inv. no. 1985.123.4567', 'keep', 'Teapot, inv. no. 1985.123.4567'],
    ['Teapot 1985.123.4567', 'keep', 'Teapot 1985.123.4567'],
    ['Teapot, 555.010.9999', 'keep', 'Teapot, 555.010.9999'],
    ['Teapot, acc. no. 415-555-2671', 'keep', 'Teapot, acc. no. 415-555-2671'],
    ['Item 415-555-2671 in blue', 'keep', 'Item 415-555-2671 in blue'],
    ['Lot 020 7946 0958', 'keep', 'Lot 020 7946 0958'],
    ['Inventarnummer 0171 1234567', 'keep', 'Inventarnummer 0171 1234567'],
    ['Teapot 100-200-3000', 'keep', 'Teapot 100-200-3000'],
    ['ISBN 978-3-16-148410-0', 'keep', 'ISBN 978-3-16-148410-0'],
    ['ISBN 0-19-852663-6', 'keep', 'ISBN 0-19-852663-6'],
    ['A harbour, 01.02.2003 to 04.05.2006', 'keep', 'A harbour, 01.02.2003 to 04.05.2006'],
    ['A harbour from 1880-1881 1882', 'keep', 'A harbour from 1880-1881 1882'],
    ['A harbour on 2003-04-05 06:07:08', 'keep', 'A harbour on 2003-04-05 06:07:08'],
    ['51.5074, -0.1278 seen from above', 'keep', '51.5074, -0.1278 seen from above'],
    ['40.712776 -74.005974', 'keep', '40.712776 -74.005974'],
    ['Camera 192.168.100.200', 'keep', 'Camera 192.168.100.200'],
    ['IBAN DE89 3704 0044 0532 0130 00', 'keep', 'IBAN DE89 3704 0044 0532 0130 00'],
    ['A boat for $1,200,000.00', 'keep', 'A boat for $1,200,000.00'],
    ['A boat for 1 200 000 euros', 'keep', 'A boat for 1 200 000 euros'],
    ['A plane at 10 000 - 12 000 m', 'keep', 'A plane at 10 000 - 12 000 m'],
    ['NGC 0224 1234567', 'keep', 'NGC 0224 1234567'],
    // One digit short of a number, years, an @ that is a word, a measure.
    ['Call 555 010 999 for boats', 'keep', 'Call 555 010 999 for boats'],
    ['The boats of 1880 1881 and 1882', 'keep', 'The boats of 1880 1881 and 1882'],
    ['Lunch @ the beach', 'keep', 'Lunch @ the beach'],
    ['A boat @ 5', 'keep', 'A boat @ 5'],
    ['Write to <EMAIL> or call <PHONE>', 'keep', 'Write to <EMAIL> or call <PHONE>'],
  ] as const) {
    it(`${JSON.stringify(text)} → ${reason}, ${JSON.stringify(masked)}`, async () => {
      assert.equal(await outcome(textPersonal(), pair({ text })), reason);
      assert.equal(maskContacts(text), masked);
      assert.equal(await outcome(textPersonal(), pair({ text: masked })), 'keep');
    });
  }
});
