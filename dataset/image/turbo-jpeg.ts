/**
 * libjpeg-turbo through TurboJPEG's interface (`turbojpeg.h` 3): whole JPEGs to pixels or planes at a power of two of their size, and planes to
 * JPEG, in threads of libuv. The library comes prebuilt with `@julusian/jpeg-turbo` and is called through koffi; both are optional, and where
 * one is missing there is no such decoder. Callers ask `plain-jpeg.ts`, which says which files may come here.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { maxDecodeBytes } from './decode-memory.ts';
import type { Planes } from './planes.ts';
import type { Plane, Raster } from './resample.ts';
import { withScratch } from './scratch.ts';

/** `TJPARAM_…` of `turbojpeg.h`. */
const parameter = {
  stopOnWarning: 0,
  noRealloc: 2,
  quality: 3,
  subsampling: 4,
  width: 5,
  height: 6,
  colourSpace: 8,
  scanLimit: 13,
  maxMemoryMb: 23,
  saveMarkers: 25,
} as const;
const decompress = 1; // TJINIT_DECOMPRESS
const compress = 0; // TJINIT_COMPRESS
const pixelRgbx = 2; // TJPF_RGBX
const colourYCbCr = 1; // TJCS_YCbCr
const colourGrey = 2; // TJCS_GRAY
const subsampling420 = 2; // TJSAMP_420
/** Pixels of a sample of colour, across and down, by `TJSAMP_…`; grey has none. */
const pixelsOfColour: Readonly<Record<number, readonly [across: number, down: number]>> = {
  0: [1, 1], // 4:4:4
  1: [2, 1], // 4:2:2
  2: [2, 2], // 4:2:0
  4: [1, 2], // 4:4:0
  5: [4, 1], // 4:1:1
  6: [1, 4], // 4:4:1
};

/** libvips' limit, too: each scan is a pass over the whole picture. */
const maxScans = 100;

/** By how much a decoder makes a JPEG smaller at almost no cost. */
export type Shrink = 1 | 2 | 4 | 8;

export interface TurboJpeg {
  /**
   * Decodes at 1, a half, a quarter or an eighth of the size, sides rounded up, of which a last column or row may be partly what the
   * encoder put beyond the edge; null when the file is not entirely well formed, is not of this
   * size, or takes more memory than a picture may.
   */
  readonly decode: (bytes: Buffer, size: Size, shrink: Shrink) => Promise<Raster | null>;
  /**
   * The same to planes of grey or YCbCr, without the part of a last column and row; null for other colours, too. The planes are gone when `use`
   * returns.
   */
  readonly decodePlanes: <T>(
    bytes: Buffer,
    size: Size,
    shrink: Shrink,
    use: (planes: Planes) => T,
  ) => Promise<T | null>;
  /** Planes of 4:2:0 with even sides to a baseline JPEG with the standard's Huffman tables. Rejects when there is no memory. */
  readonly encode: (planes: Planes, quality: number) => Promise<Buffer>;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

type Handle = unknown;

/** What is used of koffi, which may not be installed. */
interface Koffi {
  readonly load: (path: string) => {
    readonly func: (name: string, result: unknown, parameters: readonly unknown[]) => unknown;
  };
  readonly struct: (members: Readonly<Record<string, string>>) => unknown;
  readonly inout: (type: string) => unknown;
}

interface Threaded {
  readonly async: (...given: readonly unknown[]) => void;
}

/** Opens the library in a folder of `@julusian/jpeg-turbo`; null where there is none for this machine. */
export function openTurboJpeg(folder: string): TurboJpeg | null {
  const suffixes = process.platform === 'linux' ? ['', '-musl'] : [];
  for (const suffix of suffixes) {
    const path = join(
      folder,
      'prebuilds',
      `jpeg-turbo-${process.platform}-${process.arch}${suffix}`,
      'libturbojpeg.so.0',
    );
    try {
      return bind(path);
    } catch {
      // Not for this machine: the next, or none.
    }
  }
  return null;
}

function bind(path: string): TurboJpeg {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const library = koffi.load(path);
  const scale = koffi.struct({ num: 'int', denom: 'int' });
  const handle = 'void *';
  const init = library.func('tj3Init', handle, ['int']) as (kind: number) => Handle | null;
  const destroy = library.func('tj3Destroy', 'void', [handle]) as (handle: Handle) => void;
  const set = library.func('tj3Set', 'int', [handle, 'int', 'int']) as (
    handle: Handle,
    name: number,
    value: number,
  ) => number;
  const get = library.func('tj3Get', 'int', [handle, 'int']) as (handle: Handle, name: number) => number;
  const readHeader = library.func('tj3DecompressHeader', 'int', [handle, 'const uint8_t *', 'size_t']) as (
    handle: Handle,
    bytes: Buffer,
    length: number,
  ) => number;
  const setScale = library.func('tj3SetScalingFactor', 'int', [handle, scale]) as (
    handle: Handle,
    scale: { num: number; denom: number },
  ) => number;
  const toPixels = library.func('tj3Decompress8', 'int', [
    handle,
    ...['const uint8_t *', 'size_t', 'uint8_t *', 'int', 'int'],
  ]) as Threaded;
  const toPlanes = library.func('tj3DecompressToYUVPlanes8', 'int', [
    handle,
    ...['const uint8_t *', 'size_t', 'uint8_t **', 'int *'],
  ]) as Threaded;
  const maxLength = library.func('tj3JPEGBufSize', 'size_t', ['int', 'int', 'int']) as (
    width: number,
    height: number,
    subsampling: number,
  ) => number;
  const toJpeg = library.func('tj3CompressFromYUVPlanes8', 'int', [
    handle,
    ...['const uint8_t **', 'int', 'const int *', 'int'],
    koffi.inout('uint8_t **'),
    koffi.inout('size_t *'),
  ]) as Threaded;

  /** Runs with a handle of these parameters. Throws when one is refused. */
  async function withHandle<T>(
    kind: number,
    parameters: readonly (readonly [number, number])[],
    use: (handle: Handle) => Promise<T>,
  ): Promise<T> {
    const opened = init(kind);
    if (opened === null) throw new Error('libjpeg-turbo has no memory');
    try {
      for (const [name, value] of parameters)
        if (set(opened, name, value) !== 0) throw new Error(`libjpeg-turbo has no parameter ${name}`);
      return await use(opened);
    } finally {
      destroy(opened);
    }
  }

  /** Runs with a handle that has read the header and will decode at this scale; null when the file is not as is said. */
  const withHeader = <T>(
    bytes: Buffer,
    size: Size,
    shrink: Shrink,
    use: (handle: Handle) => Promise<T | null>,
  ): Promise<T | null> =>
    withHandle(
      decompress,
      [
        [parameter.stopOnWarning, 1],
        [parameter.scanLimit, maxScans],
        [parameter.maxMemoryMb, maxDecodeBytes / 2 ** 20],
        [parameter.saveMarkers, 0],
      ],
      async (opened) => {
        if (readHeader(opened, bytes, bytes.length) !== 0) return null;
        // The buffers of callers are as large as the header says that is read here: what it says and the scale must be so.
        if (get(opened, parameter.width) !== size.width || get(opened, parameter.height) !== size.height) return null;
        return setScale(opened, { num: 1, denom: shrink }) === 0 ? use(opened) : null;
      },
    );

  return {
    decode: (bytes, size, shrink) =>
      withHeader(bytes, size, shrink, async (opened) => {
        const width = Math.ceil(size.width / shrink);
        const height = Math.ceil(size.height / shrink);
        const pixels = Buffer.allocUnsafe(4 * width * height);
        const failed = await inThread(toPixels, opened, bytes, bytes.length, pixels, 4 * width, pixelRgbx);
        return failed === 0 ? { pixels, width, height } : null;
      }),
    decodePlanes: (bytes, size, shrink, use) =>
      withHeader(bytes, size, shrink, async (opened) => {
        const space = get(opened, parameter.colourSpace);
        const isGrey = space === colourGrey;
        const factors = isGrey ? ([1, 1] as const) : pixelsOfColour[get(opened, parameter.subsampling)];
        if ((!isGrey && space !== colourYCbCr) || factors === undefined) return null;
        const [across, down] = factors;
        const colour = {
          width: Math.ceil(Math.ceil(size.width / shrink) / across),
          height: Math.ceil(Math.ceil(size.height / shrink) / down),
        };
        const light = { width: colour.width * across, height: colour.height * down };
        const [lightBytes, colourBytes] = [light.width * light.height, colour.width * colour.height];
        return withScratch(lightBytes + 2 * colourBytes, async (scratch) => {
          const part = (from: number, length: number): Buffer => scratch.subarray(from, from + length);
          const samples = [
            part(0, lightBytes),
            part(lightBytes, colourBytes),
            part(lightBytes + colourBytes, colourBytes),
          ] as const;
          const strides = [light.width, colour.width, colour.width];
          const failed = await inThread(toPlanes, opened, bytes, bytes.length, samples, strides);
          if (failed !== 0) return null;
          const planeOf = (at: 0 | 1 | 2, { width, height }: Size): Plane => ({
            samples: isGrey && at > 0 ? samples[at].fill(128) : samples[at],
            stride: width,
            width,
            height,
          });
          return use({
            width: Math.floor(size.width / shrink),
            height: Math.floor(size.height / shrink),
            light: planeOf(0, light),
            colours: [planeOf(1, colour), planeOf(2, colour)],
            across,
            down,
          });
        });
      }),
    encode: ({ width, height, light, colours }, quality) =>
      withHandle(
        compress,
        [
          [parameter.quality, quality],
          [parameter.subsampling, subsampling420],
          [parameter.noRealloc, 1],
        ],
        (opened) =>
          withScratch(Number(maxLength(width, height, subsampling420)), async (made) => {
            const planes = [light, ...colours];
            const samples = planes.map((plane) => plane.samples);
            const strides = planes.map((plane) => plane.stride);
            const length = [made.length];
            const failed = await inThread(toJpeg, opened, samples, width, strides, height, [made], length);
            if (failed !== 0) throw new Error('libjpeg-turbo could not encode');
            return Buffer.from(made.subarray(0, Number(length[0])));
          }),
      ),
  };
}

/** Calls in a thread of libuv; the arguments live until it is done. */
const inThread = (call: Threaded, ...given: readonly unknown[]): Promise<number> =>
  new Promise((resolve, reject) => {
    call.async(...given, (error: Error | null, result: number) => (error ? reject(error) : resolve(result)));
  });

let opened: TurboJpeg | null | undefined;

/** The library that was installed with the project; null where there is none for this machine. */
export function turboJpeg(): TurboJpeg | null {
  if (opened !== undefined) return opened;
  try {
    opened = openTurboJpeg(dirname(createRequire(import.meta.url).resolve('@julusian/jpeg-turbo/package.json')));
  } catch {
    opened = null;
  }
  return opened;
}
