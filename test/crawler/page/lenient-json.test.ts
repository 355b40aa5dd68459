/** JSON that pages write and browsers' and search engines' readers take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readLenientJson } from '../../../crawler/page/lenient-json.ts';

const cases: [what: string, block: string, expected: unknown[]][] = [
  ['JSON', '{"a":[1,true,null,"x"]}', [{ a: [1, true, null, 'x'] }]],
  ['a line break in a string', '{"a":"one\ntwo\tthree"}', [{ a: 'one\ntwo\tthree' }]],
  ['a control character in a string', '{"a":"one\u0002"}', [{ a: 'one\u0002' }]],
  ['commas too many', '{"a":[1,2,],"b":{"c":1,},}', [{ a: [1, 2], b: { c: 1 } }]],
  ['a semicolon', '{"a":1};', [{ a: 1 }]],
  ['comments', '{/* one */"a":1, // two\n"b":"//x /* y */"}', [{ a: 1, b: '//x /* y */' }]],
  ['CDATA', '//<![CDATA[\n{"a":[[1]]}\n//]]>', [{ a: [[1]] }]],
  ['CDATA in comments', '/*<![CDATA[*/{"a":1}/*]]>*/', [{ a: 1 }]],
  ['an HTML comment', '<!--\n{"a":"-->"}\n-->', [{ a: '-->' }]],
  ['several values', '{"a":1}\n{"b":2},[3]', [{ a: 1 }, { b: 2 }, [3]]],
  ['one value broken, one not', '{"a":}{"b":2}', [{ b: 2 }]],
  ['an escape that is none', String.raw`{"a":"it\'s","b":"\u00e9\n"}`, [{ a: "it's", b: 'é\n' }]],
  [
    'names that objects have',
    '{"__proto__":{"x":1},"constructor":2,}',
    [JSON.parse('{"__proto__":{"x":1},"constructor":2}')],
  ],
  ['a string without an end', '{"a":"one', []],
  ['too deep', '['.repeat(5000), []],
  ['nothing', ' ', []],
];
for (const [what, block, expected] of cases) test(what, () => assert.deepEqual(readLenientJson(block), expected));

test('any JSON is read as it is, with commas and comments as well', () => {
  fc.assert(
    fc.property(fc.jsonValue({ depthSize: 'small' }), (value) => {
      const json = JSON.stringify(value);
      assert.deepEqual(readLenientJson(json), [JSON.parse(json)]);
      if (typeof value === 'object' && value !== null)
        assert.deepEqual(readLenientJson(`/* x */${json};`), [JSON.parse(json)]);
    }),
  );
});

test('takes time in proportion to the block', () => {
  const cpu = (block: string): number => {
    const start = process.cpuUsage();
    readLenientJson(block);
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  for (const part of ['/*', '{"a":', '"', '[1,', ',,,,', '<!--', '//', '{"a":"\\', '{},']) {
    const block = (size: number): string => `{${part.repeat(size / part.length)}`;
    cpu(block(20_000));
    // Quadratic work would be a hundred times as much.
    assert.ok(cpu(block(1_000_000)) < 40 * Math.max(cpu(block(100_000)), 2000), part);
  }
});
