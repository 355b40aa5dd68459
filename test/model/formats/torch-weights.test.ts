import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../../dataset/user-error.ts';
import { readTorchWeights } from '../../../model/formats/torch-weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-torch-'));
after(() => rmSync(folder, { recursive: true }));

const byte = (value: number) => Buffer.of(value);
const code = (...parts: (string | Buffer)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
const text = (value: string) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(value));
  return code('X', length, Buffer.from(value));
};
const small = (value: number) => code('K', byte(value));
const global = (module: string, name: string) => code(`c${module}\n${name}\n`);
const pickle = (...parts: (string | Buffer)[]) => code('\x80\x02', ...parts, '.');
const long = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};

const header = [
  pickle(code('\x8a\x0a'), Buffer.from('6cfc9c46f9206aa85019', 'hex')),
  pickle(code('M\xe9\x03')),
  pickle('}'),
];

/** `name` with `shape` and `strides` over the storage `key` of `count` numbers. */
const tensor = (
  name: string,
  type: string,
  key: string,
  count: number,
  shape: number[],
  strides: number[],
  offset = 0,
) =>
  code(
    ...[text(name), global('torch._utils', '_rebuild_tensor_v2'), '(('],
    ...[text('storage'), global('torch', type), text(key), text('cpu'), small(count), 'NtQ', small(offset)],
    ...['(', ...shape.map(small), 't', '(', ...strides.map(small), 't', '\x89'],
    ...[global('collections', 'OrderedDict'), ')R', 'tR'],
  );

const state = (...items: Buffer[]) => pickle(global('collections', 'OrderedDict'), ')Rq\x01(', ...items, 'u}b');

const keys = (...names: string[]) => pickle(']q\x00(', ...names.map(text), 'e');

const floats = (...values: number[]) => code(long(values.length), Buffer.from(Float32Array.from(values).buffer));

function read(...parts: Buffer[]) {
  const path = join(folder, 'net.pth');
  writeFileSync(path, Buffer.concat(parts));
  return readTorchWeights(path);
}

const good = [
  ...header,
  state(
    tensor('plain', 'FloatStorage', 'a', 6, [2, 3], [3, 1]),
    tensor('turned', 'FloatStorage', 'a', 6, [3, 2], [1, 3]),
    tensor('part', 'FloatStorage', 'a', 6, [2], [1], 4),
    tensor('count', 'LongStorage', 'b', 1, [], []),
    tensor('one', 'FloatStorage', 'c', 1, [], []),
  ),
  keys('a', 'b', 'c'),
  floats(1, 2, 3, 4, 5, 6),
  code(long(1), long(99)),
  floats(7),
];

test('tensors are read through their strides, integers are passed over', () => {
  assert.deepEqual(
    read(...good),
    new Map([
      ['plain', { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['turned', { shape: [3, 2], values: Float32Array.of(1, 4, 2, 5, 3, 6) }],
      ['part', { shape: [2], values: Float32Array.of(5, 6) }],
      ['one', { shape: [], values: Float32Array.of(7) }],
    ]),
  );
});

test('whatever else a pickle asks for is refused', () => {
  const table: [Buffer[], RegExp][] = [
    [[Buffer.from('PK\x03\x04')], /instruction 0x50/],
    [[pickle(small(1))], /starts otherwise/],
    [[...header, pickle(global('os', 'system'), text('true'), '\x85R')], /it calls os.system/],
    [[...header, pickle(global('builtins', 'eval'))], /it calls builtins.eval/],
    [[...header, pickle(global('torch', 'constructor'))], /it calls torch.constructor/],
    [[...header, pickle('}'), pickle('}')], /holds something else/],
    [[...header, state(text('x'), small(1)), keys()], /x is no tensor/],
    [
      [...header, state(tensor('x', 'FloatStorage', 'a', 2, [3], [1])), keys('a'), floats(1, 2)],
      /x lies beyond its storage/,
    ],
    [[...header, state(tensor('x', 'FloatStorage', 'a', 2, [2], [1])), keys('a'), floats(1)], /has 1 numbers of 2/],
    [
      [...header, state(tensor('x', 'FloatStorage', 'a', 2, [2], [1])), keys('b'), floats(1)],
      /storage b is not described/,
    ],
  ];
  for (const [parts, reason] of table) {
    assert.throws(
      () => read(...parts),
      (error) => error instanceof UserError && reason.test(error.message),
      `${reason}`,
    );
  }
});

test('a file that is cut or damaged anywhere is refused or read, and never more', () => {
  const whole = Buffer.concat(good);
  for (let length = 0; length < whole.length; length++) assert.throws(() => read(whole.subarray(0, length)), UserError);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(whole);
      damaged[at] = value;
      try {
        read(damaged);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
