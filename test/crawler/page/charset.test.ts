/** Bytes to text: where the charset is looked for, in which order. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeText } from '../../../crawler/page/charset.ts';

describe('charsets', () => {
  for (const { name, bytes, type, text } of [
    { name: 'UTF-8 by default', bytes: Buffer.from('Grüße'), type: undefined, text: 'Grüße' },
    {
      name: 'windows-1252 when it is no UTF-8',
      bytes: Buffer.from('Gr\xfc\xdfe', 'latin1'),
      type: 'text/html',
      text: 'Grüße',
    },
    { name: 'header', bytes: Buffer.from([0xcf, 0xf0, 0xe8]), type: 'text/html; charset=windows-1251', text: 'При' },
    {
      name: 'meta',
      bytes: Buffer.concat([Buffer.from('<meta charset="shift_jis">'), Buffer.from([0x83, 0x65])]),
      type: 'text/html',
      text: '<meta charset="shift_jis">テ',
    },
    {
      name: 'the header before meta',
      bytes: Buffer.from('<meta charset="shift_jis">ü'),
      type: 'text/html; charset="utf-8"',
      text: '<meta charset="shift_jis">ü',
    },
    {
      name: 'the byte order mark before all',
      bytes: Buffer.from('\ufeffü'),
      type: 'text/html; charset=latin1',
      text: 'ü',
    },
    { name: 'UTF-16', bytes: Buffer.from([0xff, 0xfe, 0x41, 0x00]), type: undefined, text: 'A' },
    { name: 'an unknown name', bytes: Buffer.from('ü'), type: 'text/html; charset=klingon', text: 'ü' },
  ]) {
    test(name, () => assert.equal(decodeText(bytes, type), text));
  }
});

test('decoding never throws, whatever the bytes and the label', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.option(fc.string(), { nil: undefined }), (bytes, label) => {
      const type = label === undefined ? undefined : `text/html; charset=${label}`;
      assert.equal(typeof decodeText(Buffer.from(bytes), type), 'string');
    }),
  );
});

test('text in UTF-8 comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      // A lone surrogate has no bytes of its own.
      fc.pre(!/\p{Surrogate}/u.test(text));
      assert.equal(decodeText(Buffer.from(text), 'text/html; charset=utf-8'), text.replace(/^\uFEFF/, ''));
    }),
  );
});
