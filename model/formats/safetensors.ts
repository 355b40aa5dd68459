/**
 * safetensors files (github.com/huggingface/safetensors, "Format"): 8 bytes little-endian length of a JSON header, the header,
 * then the tensors' bytes. Read as float32 from F32, F16 and BF16; written as F32.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync } from 'node:fs';
import { writeAll } from '../../dataset/atomic-file.ts';
import { UserError } from '../../dataset/user-error.ts';
import { elementCount } from '../runtime/array.ts';
import { floatsFromHalves } from './half.ts';

export interface StoredTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Headers above this are refused, as the reference implementation does: 100 MB. */
const maxHeaderBytes = 100_000_000;

/**
 * Reads a file; with `wanted`, only tensors whose name it accepts. Tensors of integers are passed over.
 * Throws a UserError where the file is not safetensors or is cut short.
 */
export function readSafetensors(path: string, wanted: (name: string) => boolean = () => true): SafetensorsFile {
  const fault = (what: string) =>
    new UserError(`Expected a safetensors file for ${path} but ${what}; fetch or save it again.`);
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const read = (start: number, length: number): Uint8Array<ArrayBuffer> => {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const got = readSync(file, bytes, done, length - done, start + done);
        if (got === 0) throw fault('it ends early');
        done += got;
      }
      return bytes;
    };
    if (size < 8) throw fault(`it has ${size} bytes`);
    const headerSize = Number(new DataView(read(0, 8).buffer).getBigUint64(0, true));
    if (headerSize > maxHeaderBytes || 8 + headerSize > size) throw fault('it ends early');
    const header = parseHeader(new TextDecoder().decode(read(8, headerSize)), fault);
    const tensors = new Map<string, StoredTensor>();
    for (const [name, entry] of Object.entries(header.tensors)) {
      if (!isEntry(entry)) throw fault(`${name} is not described`);
      const { dtype, shape, data_offsets: range } = entry;
      const [from, to] = range;
      if (8 + headerSize + to > size) throw fault(`${name} lies beyond its end`);
      const decode = decoders[dtype];
      if (!decode || !wanted(name)) continue;
      const bytes = to - from;
      if (bytes !== decode.width * elementCount(shape)) {
        throw fault(`${name} has ${bytes / decode.width} values for shape [${shape}]`);
      }
      tensors.set(name, { shape, values: decode.read(read(8 + headerSize + from, bytes).buffer) });
    }
    return { metadata: header.metadata, tensors };
  } finally {
    closeSync(file);
  }
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function isEntry(entry: unknown): entry is Entry {
  const { dtype, shape, data_offsets: range } = (entry ?? {}) as Partial<Entry>;
  const counts = (value: unknown) =>
    Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0);
  return typeof dtype === 'string' && counts(shape) && counts(range) && range?.length === 2 && range[0] <= range[1];
}

function parseHeader(text: string, fault: (what: string) => Error) {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw fault('its header is not JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw fault('its header is no object');
  const { __metadata__: metadata = {}, ...tensors } = json as Record<string, unknown>;
  return { metadata: metadata as Record<string, string>, tensors };
}

const decoders: Readonly<Record<string, { width: number; read: (bytes: ArrayBuffer) => Float32Array }>> = {
  F32: { width: 4, read: (bytes) => new Float32Array(bytes) },
  F16: { width: 2, read: (bytes) => floatsFromHalves(new Uint16Array(bytes)) },
  BF16: {
    width: 2,
    read: (bytes) => {
      const halves = new Uint16Array(bytes);
      const words = new Uint32Array(halves.length);
      halves.forEach((half, index) => {
        words[index] = half << 16;
      });
      return new Float32Array(words.buffer);
    },
  },
};

/** Writes F32 tensors in the order given and waits until they are on the disk. */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  let offset = 0;
  const entries = [...tensors].map(([name, { shape, values }]) => {
    const entry: Entry = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
    return [name, entry];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  // The tensors start at a multiple of 8 bytes; spaces fill the header.
  const padded = Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(path, 'w');
  try {
    const bodies = [...tensors.values()].map(
      ({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    );
    writeAll(file, [length, padded, ...bodies], 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
