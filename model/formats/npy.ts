/**
 * NumPy's array format (NEP 1, versions 1 to 3), little-endian, C order: how region features lie in shards, so that
 * NumPy and Python's webdataset read them without us. Halves and narrow integers are widened when read.
 */
import { elementCount, type ShapedArray } from '../runtime/array.ts';
import { floatsFromHalves, halvesFromFloats } from '../runtime/half.ts';

/** NumPy's names of the types that are written. */
export type NpyType = 'f2' | 'f4' | 'i2' | 'i4';

const magic = Buffer.from('\x93NUMPY', 'latin1');

/** The file of an array. Throws a RangeError when shape and values disagree or an integer does not fit 16 bits. */
export function encodeNpy({ shape, values }: ShapedArray, type: NpyType): Buffer {
  const count = elementCount(shape);
  if (count !== values.length)
    throw new RangeError(`An array of shape [${shape}] has ${count} values, not ${values.length}.`);
  const text = `{'descr': '<${type}', 'fortran_order': False, 'shape': (${shape.map((size) => `${size},`).join(' ')}), }`;
  // The header ends with a newline, and the data starts at a multiple of 64 bytes.
  const unpadded = magic.length + 4 + text.length + 1;
  const header = Buffer.from(`${text}${' '.repeat((64 - (unpadded % 64)) % 64)}\n`, 'latin1');
  const lead = Buffer.alloc(magic.length + 4);
  magic.copy(lead);
  lead[6] = 1;
  lead.writeUInt16LE(header.length, 8);
  return Buffer.concat([lead, header, body(values, type)]);
}

function body(values: Float32Array | Int32Array, type: NpyType): Buffer {
  const bytes = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  switch (type) {
    case 'f2':
      return bytes(halvesFromFloats(Float32Array.from(values)));
    case 'f4':
      return bytes(Float32Array.from(values));
    case 'i4':
      return bytes(Int32Array.from(values));
    case 'i2': {
      const wide = values.find((value) => value !== (value << 16) >> 16);
      if (wide !== undefined) throw new RangeError(`${wide} does not fit 16 bits.`);
      return bytes(Int16Array.from(values));
    }
  }
}

/** Reads a file's array, integers as Int32Array, floating point as Float32Array. Throws a RangeError that says what is wrong with other bytes. */
export function decodeNpy(file: Buffer): ShapedArray {
  const { shape, type, start, end } = npyLayout(file);
  // A copy of its own: typed arrays start at multiples of their width.
  return { shape, values: readers[type]!.read(Uint8Array.prototype.slice.call(file, start, end).buffer) };
}

/** As `decodeNpy`, but halves as they are, where they can in the memory of the file. */
export function decodeNpyHalves(file: Buffer): {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | Uint16Array;
} {
  const { shape, type, start, end } = npyLayout(file);
  if (type !== 'f2') return decodeNpy(file);
  const isAligned = (file.byteOffset + start) % 2 === 0;
  const bytes = isAligned ? file.subarray(start, end) : Buffer.from(file.subarray(start, end));
  return { shape, values: new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2) };
}

/** What a header says: the array's shape and type, and where its bytes lie. */
export interface NpyLayout {
  readonly shape: readonly number[];
  /** As NumPy calls it: `f2`, `i4`. */
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

function npyLayout(file: Buffer): NpyLayout {
  const layout = npyHeader(file);
  if (layout.end > file.length) throw new RangeError(`The NumPy file has ${file.length} B of ${layout.end}.`);
  return layout;
}

/** Of a file or of its first bytes. Throws a RangeError as `decodeNpy` does. */
export function npyHeader(file: Buffer): NpyLayout {
  if (!file.subarray(0, 6).equals(magic)) throw new RangeError('The bytes do not start as a NumPy file.');
  const version = file[6]!;
  if (version < 1 || version > 3 || file.length < 12)
    throw new RangeError(`NumPy file version ${version} is not 1 to 3.`);
  const headerLength = version === 1 ? file.readUInt16LE(8) : file.readUInt32LE(8);
  const start = (version === 1 ? 10 : 12) + headerLength;
  const header = file.toString('latin1', version === 1 ? 10 : 12, start);
  const descr = /'descr': *'([<>|=]?)([a-z]\d+)'/.exec(header);
  const order = /'fortran_order': *(True|False)/.exec(header);
  const size = /'shape': *\(([\d, ]*)\)/.exec(header);
  if (!descr || !order || !size) throw new RangeError('The NumPy header names no simple type, order and shape.');
  if (descr[1] === '>') throw new RangeError('The NumPy array is big-endian; only little-endian is read.');
  const shape = size[1]!.split(',').flatMap((part) => (part.trim() ? [Number(part)] : []));
  if (order[1] === 'True' && shape.length > 1)
    throw new RangeError('The NumPy array is in Fortran order; only C order is read.');
  const reader = readers[descr[2]!];
  if (!reader) throw new RangeError(`The NumPy type ${descr[2]} is not read here.`);
  const count = elementCount(shape);
  const end = start + count * reader.width;
  if (!Number.isSafeInteger(end)) throw new RangeError(`The NumPy file has ${file.length} B of ${end}.`);
  return { shape, type: descr[2]!, start, end };
}

const readers: Readonly<Record<string, { width: number; read: (buffer: ArrayBuffer) => Float32Array | Int32Array }>> = {
  f2: { width: 2, read: (buffer) => floatsFromHalves(new Uint16Array(buffer)) },
  f4: { width: 4, read: (buffer) => new Float32Array(buffer) },
  f8: { width: 8, read: (buffer) => Float32Array.from(new Float64Array(buffer)) },
  i1: { width: 1, read: (buffer) => Int32Array.from(new Int8Array(buffer)) },
  u1: { width: 1, read: (buffer) => Int32Array.from(new Uint8Array(buffer)) },
  i2: { width: 2, read: (buffer) => Int32Array.from(new Int16Array(buffer)) },
  u2: { width: 2, read: (buffer) => Int32Array.from(new Uint16Array(buffer)) },
  i4: { width: 4, read: (buffer) => new Int32Array(buffer) },
  i8: { width: 8, read: (buffer) => Int32Array.from(new BigInt64Array(buffer), Number) },
};
