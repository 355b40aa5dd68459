/** Bytes to text: where the charset is looked for, in which order, and that Chromium reads the same. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { TextDecoder } from '@exodus/bytes/encoding.js';
import fc from 'fast-check';
import { decodeText } from '../../../crawler/page/charset.ts';
import { openChromium } from '../../helpers/chromium.ts';
import { type Route, type Site, startSite } from '../../helpers/site.ts';
import { captions } from './captions-by-charset.ts';

const routes: Record<string, Route> = {};
let site: Site;
let chromium: Awaited<ReturnType<typeof openChromium>>;
before(async () => {
  site = await startSite({ routes });
  chromium = await openChromium();
});
after(async () => {
  await chromium?.close();
  await site.close();
});

/** ASCII as it is, and bytes by number. */
const page = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

const padding = `<style>${'p { color: red } '.repeat(100)}</style>`;
const cyrillic = [0xcf, 0xf0, 0xe8];
const te = [0x83, 0x65];
const html = 'text/html';
const cases: { name: string; bytes: Buffer; type: string; title: string }[] = [
  {
    name: 'windows-1252 has ’ “ – € where latin1 has controls',
    bytes: page('<title>', [0x92, 0x93, 0x94, 0x96, 0x97, 0x80, 0x85, 0x99, 0xe9], '</title>'),
    type: 'text/html; charset=iso-8859-1',
    title: '’“”–—€…™é',
  },
  { name: 'the header', bytes: page('<title>', cyrillic, '</title>'), type: 'text/html; charset=cp1251', title: 'При' },
  {
    name: 'the header in quotes, upper case, after another parameter',
    bytes: page('<title>', cyrillic, '</title>'),
    type: 'Text/HTML; boundary=x ;Charset="Windows-1251"',
    title: 'При',
  },
  {
    name: 'an unknown name in the header, then meta',
    bytes: page('<meta charset=windows-1251><title>', cyrillic, '</title>'),
    type: 'text/html; charset=none',
    title: 'При',
  },
  {
    name: 'meta with http-equiv, attributes in any order',
    bytes: page('<meta content="text/html; charset=shift_jis" http-equiv=Content-Type><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'meta whose charset stands in single quotes with spaces',
    bytes: page("<META  CHARSET = ' shift_jis '><title>", te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'meta after the title that it is about',
    bytes: page('<title>', te, '</title><meta charset=shift_jis>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'meta after byte 1,024, in the head',
    bytes: page('<!doctype html><html><head>', padding, '<meta charset=shift_jis><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'no meta in a comment',
    bytes: page('<!-- <meta charset=koi8-r> --><meta charset=shift_jis><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'a tag that is named like a property of objects',
    bytes: page('<constructor><meta charset=shift_jis><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'no meta in a script',
    bytes: page('<script>"<meta charset=koi8-r>"</script><meta charset=shift_jis><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'no meta in a style or title',
    bytes: page(
      '<style><meta charset=koi8-r></style><title><meta charset=koi8-r>',
      te,
      '</title><meta charset=shift_jis>',
    ),
    type: html,
    title: '<meta charset=koi8-r>テ',
  },
  {
    name: 'meta in noscript',
    bytes: page('<noscript><meta charset=shift_jis></noscript><meta charset=koi8-r><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'no charset in an attribute of another name',
    bytes: page('<meta name=x content="charset=koi8-r"><meta charset=shift_jis><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'meta in the body within 1,024 bytes',
    bytes: page('<title>', te, '</title><body><p>x</p><meta charset=shift_jis>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'a meta with an unknown name is passed over',
    bytes: page('<meta charset=klingon><meta charset=shift_jis><title>', te, '</title>'),
    type: html,
    title: 'テ',
  },
  {
    name: 'meta that says UTF-16 in single bytes is UTF-8',
    bytes: page('<meta charset=utf-16><title>ü</title>'),
    type: html,
    title: 'ü',
  },
  {
    name: 'an XML declaration',
    bytes: page('<?xml version="1.0" encoding="windows-1251"?><html><title>', cyrillic, '</title></html>'),
    type: html,
    title: 'При',
  },
  {
    name: 'the header before meta',
    bytes: page('<meta charset="shift_jis"><title>ü</title>'),
    type: 'text/html; charset="utf-8"',
    title: 'ü',
  },
  {
    name: 'the byte order mark before all',
    bytes: page('\ufeff<title>ü</title>'),
    type: 'text/html; charset=latin1',
    title: 'ü',
  },
  {
    name: 'UTF-16 by its mark',
    bytes: Buffer.from('\ufeff<title>テ</title>', 'utf16le'),
    type: html,
    title: 'テ',
  },
  {
    name: 'UTF-16 by the header',
    bytes: Buffer.from('<title>テ</title>', 'utf16le'),
    type: 'text/html; charset=utf-16le',
    title: 'テ',
  },
  {
    name: 'GB18030 with four bytes',
    bytes: page('<title>', [0x81, 0x39, 0xee, 0x39, 0xd6, 0xd0], '</title>'),
    type: 'text/html; charset=gb18030',
    title: '㐀中',
  },
  {
    name: 'ISO-2022-JP by meta',
    bytes: page('<meta charset=iso-2022-jp><title>', [0x1b, 0x24, 0x42, 0x25, 0x46, 0x1b, 0x28, 0x42], '</title>'),
    type: html,
    title: 'テ',
  },
];

describe('Chromium and we read', () => {
  for (const { name, bytes, type, title } of cases) {
    test(name, async () => {
      assert.equal(/<title>(.*)<\/title>/.exec(decodeText(bytes, type))?.[1], title);
      if (chromium === null) return;
      routes['/page'] = { headers: { 'content-type': type }, body: bytes };
      await chromium.page.goto(`${site.url}/page`);
      assert.equal(await chromium.page.title(), title.trim(), 'Chromium');
    });
  }
});

describe('what declares nothing', () => {
  test('is UTF-8 when it can be', () => assert.equal(decodeText(page('Grüße'), undefined), 'Grüße'));
  test('with an unknown name in the header, too', () =>
    assert.equal(decodeText(page('ü'), 'text/html; charset=klingon'), 'ü'));
  test('is windows-1252 when it can be much', () =>
    assert.equal(decodeText(Buffer.from('Gr\xfc\xdfe', 'latin1'), html), 'Grüße'));

  const [before, behind] = ['<!doctype html><title>Photo</title><p><img src="/a.jpg" alt="', '"></p>'];
  const read = (bytes: Buffer, host: string): string =>
    decodeText(page(before, [...bytes], behind), html, host).slice(before.length, -behind.length);
  for (const { charset, country, texts, bytes } of captions) {
    test(`is ${charset} in ${country} when one caption looks like it`, () =>
      assert.deepEqual(
        bytes.map((line) => read(line, `www.example.${country}`)),
        texts,
      ));
    test(`is ${charset} anywhere when ten captions look like it`, () =>
      assert.equal(read(Buffer.from(bytes.flatMap((line) => [...line, 10])), 'example.com'), `${texts.join('\n')}\n`));
  }
});

test('every encoding of the standard has the tables that Chromium has', async (t) => {
  if (chromium === null) return t.skip('there is no browser');
  // Without Big5, EUC-JP and ISO-2022-JP, in which Chromium and @exodus/bytes differ by one pair of bytes or one byte each.
  const encodings =
    'ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-8-i iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u macintosh windows-874 windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 x-mac-cyrillic gbk gb18030 shift_jis euc-kr x-user-defined'.split(
      ' ',
    );
  const bytes = Array.from({ length: 256 * 256 }, (_, i) => [i >> 8, i & 255, 10]).flat();
  const decoded = await chromium.page.evaluate(
    ([labels, list]) => labels.map((label) => new TextDecoder(label).decode(new Uint8Array(list))),
    [encodings, bytes] as const,
  );
  const hash = (text: string): string => createHash('sha256').update(text, 'utf16le').digest('hex');
  for (const [i, label] of encodings.entries())
    assert.equal(hash(new TextDecoder(label).decode(new Uint8Array(bytes))), hash(decoded[i]!), label);
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
