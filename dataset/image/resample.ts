/**
 * Pixels made fewer: by a windowed sinc or a triangle, as libvips and Pillow do; or by means. The sums are made in
 * WebAssembly (`assembly/resample.ts`) with weights of 14 bits, so every machine makes the same bytes.
 */
import { readFileSync } from 'node:fs';

/** Rows of pixels of four bytes: red, green, blue, and one that says nothing. */
export interface Raster {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** One byte for each sample of a picture, rows `stride` bytes apart. */
export interface Plane {
  readonly samples: Uint8Array;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/** Lanczos's window over three zeros of the sinc, the triangle of a bilinear resize, and the mean. */
export type Kernel = 'lanczos3' | 'triangle' | 'box';

const kernels: Readonly<Record<Kernel, { readonly support: number; readonly at: (x: number) => number }>> = {
  lanczos3: {
    support: 3,
    at: (x) => (x === 0 ? 1 : (3 * Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / 3)) / (Math.PI * x) ** 2),
  },
  triangle: { support: 1, at: (x) => 1 - Math.abs(x) },
  box: { support: 0.5, at: () => 1 },
};

/** What each of `to` samples is of `from` samples: weights of those from `starts` on, `taps` for each. */
export interface Weights {
  readonly starts: Int32Array;
  readonly weights: Float64Array;
  readonly taps: number;
}

/**
 * The weights of a resize from `from` to `to` samples, each `step` from the one before; what lies beyond an edge is as the edge. The sum for
 * each is 1.
 */
export function weightsOf(from: number, to: number, kernel: Kernel, step = from / to): Weights {
  return kept(`${from} ${to} ${kernel} ${step}`, () => computedWeights(from, to, kernel, step));
}

function computedWeights(from: number, to: number, kernel: Kernel, step: number): Weights {
  const { support, at } = kernels[kernel];
  const stretch = Math.max(1, step);
  const radius = support * stretch;
  const taps = Math.floor(2 * radius) + 1;
  const starts = new Int32Array(to);
  const weights = new Float64Array(to * taps);
  for (let sample = 0; sample < to; sample++) {
    const centre = (sample + 0.5) * step - 0.5;
    const first = Math.ceil(centre - radius);
    const last = Math.floor(centre + radius);
    const start = Math.max(0, Math.min(first, from - taps));
    starts[sample] = start;
    let sum = 0;
    for (let i = first; i <= last; i++) sum += at((i - centre) / stretch);
    for (let i = first; i <= last; i++) {
      const nearest = Math.min(from - 1, Math.max(0, i));
      weights[sample * taps + nearest - start]! += at((i - centre) / stretch) / sum;
    }
  }
  return { starts, weights, taps };
}

interface Sums {
  readonly down: (
    src: number,
    dst: number,
    rowBytes: number,
    rows: number,
    starts: number,
    weights: number,
    taps: number,
  ) => void;
  readonly downExactly: (
    src: number,
    dst: number,
    width: number,
    from: number,
    rows: number,
    starts: number,
    weights: number,
    taps: number,
  ) => void;
  readonly across: (
    src: number,
    dst: number,
    rowBytes: number,
    rows: number,
    width: number,
    starts: number,
    weights: number,
    taps: number,
  ) => void;
  readonly transpose: (
    src: number,
    dst: number,
    width: number,
    height: number,
    srcStride: number,
    dstStride: number,
  ) => void;
}

/** What the types of Node.js leave out. */
interface WebAssemblyApi {
  readonly Memory: new (pages: {
    readonly initial: number;
  }) => { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly Module: new (code: Buffer) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

const { Memory, Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;
const memory = new Memory({ initial: 1 });
const code = new Module(readFileSync(new URL('./resample.wasm', import.meta.url)));
const sums = new Instance(code, { env: { memory } }).exports as Sums;

/** Bytes beyond a raster's end that the sums may read and write. */
const beyond = 64;

/** Lays buffers one after another into the memory of the sums; 16 bytes apart, so that none is written by what is before. */
function layOut(lengths: readonly number[]): readonly number[] {
  let end = 0;
  const places = lengths.map((length) => {
    const at = end;
    end += Math.ceil((length + beyond) / 16) * 16;
    return at;
  });
  const missing = Math.ceil((end - memory.buffer.byteLength) / 65_536);
  if (missing > 0) memory.grow(missing);
  return places;
}

/** Resizes in two passes, rows first, each rounded to bytes as libvips does. */
export function resample(
  { pixels, width, height }: Raster,
  to: { readonly width: number; readonly height: number },
  kernel: Kernel,
): Raster {
  const rows = fixedWeights(height, to.height, kernel, height / to.height, 2);
  const columns = fixedWeights(width, to.width, kernel, width / to.width, 4);
  const rowBytes = 4 * width;
  const [rowStarts, rowWeights, columnStarts, columnWeights, src, between, dst] = layOut([
    rows.starts.byteLength,
    rows.weights.byteLength,
    columns.starts.byteLength,
    columns.weights.byteLength,
    // Where there are fewer samples than taps, those beyond have no weight.
    Math.max(height, rows.taps) * rowBytes,
    rowBytes * to.height + 4 * columns.taps,
    4 * to.width * to.height,
  ]) as [number, number, number, number, number, number, number];
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(bytesOf(rows.starts), rowStarts);
  bytes.set(bytesOf(rows.weights), rowWeights);
  bytes.set(bytesOf(columns.starts), columnStarts);
  bytes.set(bytesOf(columns.weights), columnWeights);
  bytes.set(pixels.subarray(0, rowBytes * height), src);
  sums.down(src, between, rowBytes, to.height, rowStarts, rowWeights, rows.taps);
  sums.across(between, dst, rowBytes, to.height, to.width, columnStarts, columnWeights, columns.taps);
  return { ...to, pixels: bytes.slice(dst, dst + 4 * to.width * to.height) };
}

/** How far apart samples of a result lie in its source: a half where it becomes twice as large. */
export interface Steps {
  readonly across: number;
  readonly down: number;
}

/**
 * The same for one plane. Down its columns again after a turn: sums of one byte each are quicker so than along its rows. The result's rows are
 * a multiple of eight bytes apart.
 */
export function resamplePlane(
  { samples, stride, width, height }: Plane,
  to: { readonly width: number; readonly height: number },
  kernel: Kernel,
  steps: Steps = { across: width / to.width, down: height / to.height },
): Plane {
  const rows = fixedWeights(height, to.height, kernel, steps.down, 2);
  const columns = fixedWeights(width, to.width, kernel, steps.across, 2);
  const eights = (length: number): number => Math.ceil(length / 8) * 8;
  const [turnedStride, madeStride] = [eights(to.height), eights(to.width)];
  const [rowStarts, rowWeights, columnStarts, columnWeights, src, low, turned, narrow, made] = layOut([
    rows.starts.byteLength,
    rows.weights.byteLength,
    columns.starts.byteLength,
    columns.weights.byteLength,
    Math.max(height, rows.taps) * stride,
    turnedStride * stride,
    Math.max(eights(width), columns.taps) * turnedStride,
    madeStride * turnedStride,
    turnedStride * madeStride,
  ]) as [number, number, number, number, number, number, number, number, number];
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(bytesOf(rows.starts), rowStarts);
  bytes.set(bytesOf(rows.weights), rowWeights);
  bytes.set(bytesOf(columns.starts), columnStarts);
  bytes.set(bytesOf(columns.weights), columnWeights);
  bytes.set(samples.subarray(0, stride * height), src);
  sums.down(src, low, stride, to.height, rowStarts, rowWeights, rows.taps);
  sums.transpose(low, turned, width, to.height, stride, turnedStride);
  sums.down(turned, narrow, turnedStride, to.width, columnStarts, columnWeights, columns.taps);
  sums.transpose(narrow, made, to.height, to.width, turnedStride, madeStride);
  return { ...to, stride: madeStride, samples: bytes.slice(made, made + madeStride * to.height) };
}

/** `to` rows of the same width from `from` rows, with weights that are not rounded: as in JavaScript to the last bit. */
export function sumRows(
  plane: Uint8Array,
  { width, from, to }: RowCounts,
  { starts, weights, taps }: Weights,
): Uint8Array {
  const [src, dst, startsAt, weightsAt] = layOut([width * from, width * to, starts.byteLength, weights.byteLength]) as [
    number,
    number,
    number,
    number,
  ];
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(plane.subarray(0, width * from), src);
  bytes.set(bytesOf(starts), startsAt);
  bytes.set(bytesOf(weights), weightsAt);
  sums.downExactly(src, dst, width, from, to, startsAt, weightsAt, taps);
  return bytes.slice(dst, dst + width * to);
}

interface RowCounts {
  readonly width: number;
  readonly from: number;
  readonly to: number;
}

interface FixedWeights extends Omit<Weights, 'weights'> {
  readonly weights: Int16Array;
}

const one = 1 << 14;

/** The same in 14 bits, their sum exactly one, taps a multiple of `together`. */
const fixedWeights = (from: number, to: number, kernel: Kernel, step: number, together: 2 | 4): FixedWeights =>
  kept(`${from} ${to} ${kernel} ${step} ${together}`, () =>
    roundedWeights(weightsOf(from, to, kernel, step), together),
  );

function roundedWeights({ starts, weights, taps }: Weights, together: number): FixedWeights {
  const padded = Math.ceil(taps / together) * together;
  const fixed = new Int16Array(starts.length * padded);
  for (let sample = 0; sample < starts.length; sample++) {
    let rest = one;
    let largest = 0;
    for (let tap = 0; tap < taps; tap++) {
      const weight = Math.round(weights[sample * taps + tap]! * one);
      fixed[sample * padded + tap] = weight;
      rest -= weight;
      if (weight > fixed[sample * padded + largest]!) largest = tap;
    }
    fixed[sample * padded + largest]! += rest;
  }
  return { starts, weights: fixed, taps: padded };
}

const known = new Map<string, unknown>();

/** What was made for a key before: a corpus has few sizes of pictures, and sines are slow. */
function kept<T>(key: string, make: () => T): T {
  const before = known.get(key) as T | undefined;
  if (before !== undefined) return before;
  if (known.size >= 256) known.clear();
  const made = make();
  known.set(key, made);
  return made;
}

const bytesOf = (array: Int32Array | Int16Array | Float64Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
