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
