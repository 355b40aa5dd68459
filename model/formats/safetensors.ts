/**
 * safetensors files (github.com/huggingface/safetensors, "Format"): 8 bytes little-endian length of a JSON header, the header,
 * then the tensors' bytes. Read as float32 from F64, F32, F16 and BF16; written as F32.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync } from 'node:fs';
import { writeAll } from '../../dataset/atomic-file.ts';
import { UserError } from '../../dataset/user-error.ts';
import { elementCount } from '../runtime/array.ts';
import { floatsFromHalves } from '../runtime/half.ts';

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
 * Throws a UserError where the file is not safetensors, is cut short, or breaks the format's rules: each name once, and the tensors'
 * bytes one behind the other without a hole or an overlap up to the end, each as many as type and shape say.
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
    if (8 + headerSize > size) throw fault('it ends early');
    if (headerSize > maxHeaderBytes) throw fault(`its header has ${headerSize} bytes, above ${maxHeaderBytes}`);
    const header = parseHeader(new TextDecoder().decode(read(8, headerSize)), fault);
    const tensors = new Map<string, StoredTensor>();
    for (const [name, { dtype, shape, data_offsets: range }] of entriesOf(header, size - 8 - headerSize, fault)) {
      const [from, to] = range;
      const decode = decoders[dtype];
      if (!decode || !wanted(name)) continue;
      const bytes = to - from;
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
  const keys = outerKeys(text);
  const twice = keys.length === new Set(keys).size ? undefined : keys.find((key, at) => keys.indexOf(key) !== at);
  if (twice !== undefined) throw fault(`${twice} is described twice`);
  const { __metadata__: metadata = {}, ...tensors } = json as Record<string, unknown>;
  const isText = typeof metadata === 'object' && metadata !== null && Object.values(metadata).every((one) => typeof one === 'string'); // biome-ignore format: one line
  if (!isText || Array.isArray(metadata)) throw fault('its metadata is no table of texts');
  return { metadata: metadata as Record<string, string>, tensors };
}

/** The tensors of a header that keeps the rules, in the order of their bytes, of which there are `size`. */
function entriesOf({ tensors }: ReturnType<typeof parseHeader>, size: number, fault: (what: string) => Error) {
  const entries: [name: string, entry: Entry][] = [];
  for (const [name, entry] of Object.entries(tensors)) {
    if (!isEntry(entry)) throw fault(`${name} is not described`);
    entries.push([name, entry]);
  }
  entries.sort(([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1]);
  let end = 0;
  for (const [name, { dtype, shape, data_offsets: range }] of entries) {
    const [from, to] = range;
    if (to > size) throw fault(`${name} lies beyond its end`);
    if (from < end) throw fault(`${name} overlaps another tensor`);
    if (from > end) throw fault(`there is a hole before ${name}`);
    const width = widths[dtype];
    if (width !== undefined && to - from !== width * elementCount(shape)) {
      throw fault(`${name} has ${(to - from) / width} values for shape [${shape}]`);
    }
    end = to;
  }
  if (end !== size) throw fault(`${size - end} bytes behind its tensors belong to none`);
  return entries;
}

/** The keys of the outermost object of a JSON text that was parsed; a key that comes twice comes twice here. */
function outerKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  // Strings whole, or one bracket; a string before a colon is a key.
  for (const { 0: found, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/gs)) {
    if (found === '{' || found === '[') depth += 1;
    else if (found === '}' || found === ']') depth -= 1;
    else if (depth === 1 && isKey(text, index + found.length)) keys.push(JSON.parse(found) as string);
  }
  return keys;
}

function isKey(text: string, after: number): boolean {
  let at = after;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return text[at] === ':';
}

/** Bytes of a value, of the types that are made of whole bytes. */
const widths: Readonly<Record<string, number | undefined>> = Object.assign(Object.create(null), {
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E5M2: 1, F8_E4M3: 1, F8_E8M0: 1 },
  ...{ I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, I64: 8, U64: 8, F64: 8, C64: 8 },
});

const decoders: Readonly<Record<string, { width: number; read: (bytes: ArrayBuffer) => Float32Array }>> = {
  F64: { width: 8, read: (bytes) => Float32Array.from(new Float64Array(bytes)) },
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
