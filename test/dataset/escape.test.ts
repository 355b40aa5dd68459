import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { markdownCode, markdownText, printable, printablePath, yamlText } from '../../dataset/escape.ts';
import { expected, UserError } from '../../dataset/user-error.ts';

describe('printable', () => {
  const cases: [from: string, to: string][] = [
    ['https://example.org/ä?q=猫', 'https://example.org/ä?q=猫'],
    ['\u001b[2J\u001b]0;title\u0007', '�[2J�]0;title�'],
    ['a\r\nb\tc', 'a��b�c'],
    ['gnp.\u202eexe', 'gnp.�exe'],
    ['zero\u200bwidth', 'zero�width'],
  ];
  for (const [from, to] of cases)
    test(`turns ${JSON.stringify(from)} into ${JSON.stringify(to)}`, () => assert.equal(printable(from), to));
});

test('file names stay apart, whatever is in them', () => {
  const shown: [string, string][] = [
    ['train/00000.tar', 'train/00000.tar'],
    ['C:\\corpus', 'C:\\corpus'],
    ['line\nbreak', 'line\\nbreak'],
    ['line\\\nbreak', 'line\\\\\\nbreak'],
    ['\u001b[31mgnp.\u202eexe\u{e0001}', '\\u001b[31mgnp.\\u202eexe\\udb40\\udc01'],
  ];
  for (const [path, wanted] of shown) assert.equal(printablePath(path), wanted);
});

test('no message of an error carries terminal escapes, and what it quotes is one short line', () => {
  assert.equal(
    expected('a column url', 'urls', 'a\u001b[2Jb\nc', 'name \u009bit').message,
    'Expected a column url for urls but received a�[2Jb�c; name �it.',
  );
  assert.equal(new UserError('two\n\u001b]0;lines').message, 'two\n�]0;lines');
  assert.equal(expected('x', 'y', 'é'.repeat(10_000), 'z').message.length, 535);
});

describe('Markdown shows what it is given', () => {
  // biome-ignore format: a table of behaviour, one case a line
  const table: [string, string, string][] = [
    ['https://a.example/![x](http://b.example/track.png)', 'https://a.example/\\!\\[x\\]\\(http://b.example/track.png\\)', '`https://a.example/![x](http://b.example/track.png)`'],
    ['<img src=x onerror=1>', '&lt;img src=x onerror=1\\>', '`<img src=x onerror=1>`'],
    ['a|b\n# c `d` ``e``', 'a|b \\# c \\`d\\` \\`\\`e\\`\\`', '``` a¦b # c `d` ``e`` ```'],
    ['- one', '\\- one', '`- one`'],
    ['&lt;b&gt; \\', '\\&lt;b\\&gt; \\\\', '`&lt;b&gt; \\`'],
    ['robots.txt', 'robots.txt', '`robots.txt`'],
  ];
  for (const [from, text, code] of table) {
    test(JSON.stringify(from), () => assert.deepEqual([markdownText(from), markdownCode(from)], [text, code]));
  }
});

describe('YAML holds what it is given', () => {
  // biome-ignore format: a table of behaviour, one case a line
  const table: [string, string][] = [
    ['cc-by-4.0', 'cc-by-4.0'], ['en', 'en'], ['no', '"no"'], ['Null', '"Null"'], ['1.0', '"1.0"'], ['', '""'],
    ['other\nlicense: mit', '"other\\nlicense: mit"'], ['[a', '"[a"'], ['x: y # z', '"x: y # z"'], ['a\u0085\u2028\u007f', '"a\\u0085\\u2028\\u007f"'],
    ['---', '"---"'], ['\ud800', '"�"'],
  ];
  for (const [text, yaml] of table) {
    test(JSON.stringify(text), () => {
      assert.equal(yamlText(text), yaml);
      assert.deepEqual(parse(`a: ${yamlText(text)}`), { a: text.replace('\ud800', '�') });
    });
  }
});
