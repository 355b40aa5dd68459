import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../../dataset/user-error.ts';
import { readSafetensors, writeSafetensors } from '../../../model/formats/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-safetensors-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'net.safetensors');

const tensors = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) => {
  const count = shape.reduce((product, size) => product * size, 1);
  return fc
    .array(fc.float(), { minLength: count, maxLength: count })
    .map((values) => ({ shape, values: Float32Array.from(values) }));
});

const names = fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && name !== '__proto__');

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(names, tensors)), fc.dictionary(names, fc.string()), (entries, metadata) => {
      const written = new Map(entries);
      writeSafetensors(path, written, metadata);
      const read = readSafetensors(path);
      assert.deepEqual(read.tensors, written);
      assert.deepEqual({ ...read.metadata }, { ...metadata });
      assert.equal(Number(readFileSync(path).readBigUInt64LE()) % 8, 0);
    }),
    { numRuns: 50 },
  );
});

/** A file by hand, as other writers make it. */
function file(header: unknown, ...data: ArrayBufferView[]): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bytes = data.map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength));
  return Buffer.concat([length, text, ...bytes]);
}

test('halves and bfloat16 are widened, doubles narrowed, integers are passed over, unwanted tensors are not read', () => {
  const header = {
    half: { dtype: 'F16', shape: [2], data_offsets: [0, 4] },
    brain: { dtype: 'BF16', shape: [1, 1], data_offsets: [4, 6] },
    ids: { dtype: 'I64', shape: [1], data_offsets: [6, 14] },
    full: { dtype: 'F32', shape: [], data_offsets: [14, 18] },
    double: { dtype: 'F64', shape: [1], data_offsets: [18, 26] },
  };
  const data = [
    Uint16Array.of(0x3c00, 0xc000),
    Uint16Array.of(0x4049),
    BigInt64Array.of(5n),
    Float32Array.of(0.1),
    Float64Array.of(0.5),
  ];
  writeFileSync(path, file(header, ...data));
  assert.deepEqual(
    readSafetensors(path).tensors,
    new Map([
      ['half', { shape: [2], values: Float32Array.of(1, -2) }],
      ['brain', { shape: [1, 1], values: Float32Array.of(3.140625) }],
      ['full', { shape: [], values: Float32Array.of(0.1) }],
      ['double', { shape: [1], values: Float32Array.of(0.5) }],
    ]),
  );
  assert.deepEqual([...readSafetensors(path, (name) => name === 'full').tensors.keys()], ['full']);
});

test('a file that is cut or broken is refused in one line', () => {
  const entry = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
  const whole = file({ a: entry }, Float32Array.of(1));
  const table: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /it has 0 bytes/],
    [whole.subarray(0, 20), /ends early/],
    [whole.subarray(0, whole.length - 1), /a lies beyond its end/],
    [Buffer.from('\xff'.repeat(16), 'latin1'), /ends early/],
    [file('{"a":'), /header is not JSON/],
    [file('null'), /header is no object/],
    [file('[]'), /header is no object/],
    [file({ a: null }), /a is not described/],
    [file({ a: { ...entry, shape: [2] } }, Float32Array.of(1)), /a has 1 values for shape \[2\]/],
    [file({ a: { ...entry, shape: 'x' } }, Float32Array.of(1)), /a is not described/],
    [file({ a: { ...entry, data_offsets: [4, 0] } }, Float32Array.of(1)), /a is not described/],
    [file({ a: { ...entry, data_offsets: [0, 3] } }, Float32Array.of(1)), /a has 0.75 values/],
    [file({ a: entry, b: entry }, Float32Array.of(1)), /b overlaps another tensor/],
    [
      file(
        { a: { ...entry, data_offsets: [0, 8], shape: [2] }, b: { ...entry, data_offsets: [4, 8] } },
        Float32Array.of(1, 2),
      ),
      /b overlaps another tensor/,
    ],
    [file({ a: entry, b: { ...entry, data_offsets: [8, 12] } }, Float32Array.of(1, 2, 3)), /there is a hole before b/],
    [file({ a: { ...entry, data_offsets: [4, 8] } }, Float32Array.of(1, 2)), /there is a hole before a/],
    [file({ a: entry }, Float32Array.of(1, 2)), /4 bytes behind its tensors belong to none/],
    [file({ a: { ...entry, dtype: 'I64' } }, Float32Array.of(1)), /a has 0.5 values for shape \[1\]/],
    [
      file(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}, "\\u0061" : {"dtype":"F32","shape":[0],"data_offsets":[4,4]}}',
        Float32Array.of(1),
      ),
      /a is described twice/,
    ],
    [file({ __metadata__: { a: 1 }, a: entry }, Float32Array.of(1)), /its metadata is no table of texts/],
    [file({ a: { ...entry, data_offsets: [-8, 4] } }, Float32Array.of(1)), /a is not described/],
  ];
  for (const [bytes, reason] of table) {
    writeFileSync(path, bytes);
    assert.throws(
      () => readSafetensors(path),
      (error) => error instanceof UserError && reason.test(error.message),
      bytes.toString('latin1'),
    );
  }
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(whole);
      damaged[at] = value;
      writeFileSync(path, damaged);
      try {
        readSafetensors(path);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
