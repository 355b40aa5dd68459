/**
 * libjpeg-turbo through TurboJPEG's interface (`turbojpeg.h` 3): whole JPEGs to pixels at a power of two of their size, and pixels to JPEG, in
 * threads of libuv. The library comes prebuilt with `@julusian/jpeg-turbo` and is called through koffi; both are optional, and where
 * one is missing there is no such decoder. Callers ask `plain-jpeg.ts`, which says which files may come here.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { maxDecodeBytes } from './decode-memory.ts';
import type { Raster } from './resample.ts';

/** `TJPARAM_…` of `turbojpeg.h`. */
const parameter = {
  stopOnWarning: 0,
  noRealloc: 2,
  quality: 3,
  subsampling: 4,
  width: 5,
  height: 6,
  scanLimit: 13,
  maxMemoryMb: 23,
  saveMarkers: 25,
} as const;
const decompress = 1; // TJINIT_DECOMPRESS
const compress = 0; // TJINIT_COMPRESS
const pixelRgbx = 2; // TJPF_RGBX
const subsampling420 = 2; // TJSAMP_420

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
  readonly decode: (
    bytes: Buffer,
    size: { readonly width: number; readonly height: number },
    shrink: Shrink,
  ) => Promise<Raster | null>;
  /** Baseline, 4:2:0, the standard's Huffman tables. Rejects when there is no memory. */
  readonly encode: (raster: Raster, quality: number) => Promise<Buffer>;
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
  const maxLength = library.func('tj3JPEGBufSize', 'size_t', ['int', 'int', 'int']) as (
    width: number,
    height: number,
    subsampling: number,
  ) => number;
  const toJpeg = library.func('tj3Compress8', 'int', [
    handle,
    ...['const uint8_t *', 'int', 'int', 'int', 'int'],
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

  return {
    decode: (bytes, size, shrink) =>
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
          // The buffer below is as large as the header says that is read here: what it says and the scale must be so.
          if (get(opened, parameter.width) !== size.width || get(opened, parameter.height) !== size.height) return null;
          if (setScale(opened, { num: 1, denom: shrink }) !== 0) return null;
          const width = Math.ceil(size.width / shrink);
          const height = Math.ceil(size.height / shrink);
          const pixels = Buffer.allocUnsafe(4 * width * height);
          const failed = await inThread(toPixels, opened, bytes, bytes.length, pixels, 4 * width, pixelRgbx);
          return failed === 0 ? { pixels, width, height } : null;
        },
      ),
    encode: ({ pixels, width, height }, quality) =>
      withHandle(
        compress,
        [
          [parameter.quality, quality],
          [parameter.subsampling, subsampling420],
          [parameter.noRealloc, 1],
        ],
        async (opened) => {
          const made = Buffer.allocUnsafe(Number(maxLength(width, height, subsampling420)));
          const length = [made.length];
          const failed = await inThread(toJpeg, opened, pixels, width, 4 * width, height, pixelRgbx, [made], length);
          if (failed !== 0) throw new Error('libjpeg-turbo could not encode');
          return Buffer.from(made.subarray(0, Number(length[0])));
        },
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
