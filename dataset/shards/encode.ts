/**
 * What a shard holds of an image: its original bytes, or a JPEG made from them. Whatever is re-encoded is turned the way
 * its EXIF orientation says, converted to sRGB and laid on white where it was transparent. The resize modes and their
 * names are img2dataset's.
 */
import type { Sharp } from 'sharp';
import { type ImageHeader, isStandardColour, withImage } from '../image/open-image.ts';
import { encodeDefaults } from './defaults.ts';
import { withoutLocation } from './without-location.ts';

export interface EncodeOptions {
  /**
   * `auto`: the original bytes where they are an upright sRGB or grey JPEG and need no resize, else a JPEG, so that every
   * sample has a `.jpg` (Hugging Face's loader wants the same fields in every sample). `original`: always the original
   * bytes. `jpeg`: always re-encoded.
   */
  readonly encode?: 'auto' | 'original' | 'jpeg';
  /**
   * With a target of N = `sizePx`: `keep_ratio` makes the smaller side N, `keep_ratio_largest` the larger side N,
   * `center_crop` cuts the middle to N×N, `border` puts white around to N×N, `no` keeps the size.
   */
  readonly resize?: 'no' | 'keep_ratio' | 'keep_ratio_largest' | 'center_crop' | 'border';
  /** 256 is img2dataset's default. */
  readonly sizePx?: number;
  /** Leaves images alone that are smaller than the target. */
  readonly onlyIfBigger?: boolean;
  /** 1 to 100; 95 is img2dataset's default. */
  readonly quality?: number;
  /**
   * Leaves the GPS position and the camera's maker note in original bytes, and the position in the column `exif`. `sha256` is that of the
   * file as it was downloaded either way, as in img2dataset, and `image_sha256` that of the bytes in the shard.
   */
  readonly keepLocation?: boolean;
}

export interface EncodedImage {
  readonly bytes: Buffer;
  /** The ending of a file with these bytes: `jpg`, or for original bytes `png`, `webp`, `gif`, `avif`. */
  readonly field: string;
  readonly width: number;
  readonly height: number;
  /** Of the original as shown, after EXIF rotation. */
  readonly originalWidth: number;
  readonly originalHeight: number;
  /** The original's EXIF block, null when there is none. */
  readonly exif: Buffer | null;
}

/** The options with every default written out: what the manifest records. */
export function encodeSettings(options: EncodeOptions): Required<EncodeOptions> {
  const { encode, resize, sizePx, onlyIfBigger, quality, keepLocation } = { ...encodeDefaults, ...options };
  return { encode, resize, sizePx, onlyIfBigger, quality, keepLocation };
}

/**
 * Encodes one image for a shard; rejects when it cannot be decoded. One that is known to be damaged is decoded as far as it goes,
 * and with `auto` always made a whole JPEG. One that was made smaller at its download keeps its bytes with `auto` where it has the
 * size already.
 */
export async function encodeImage(
  bytes: Buffer,
  options: EncodeOptions = {},
  { damaged = false, isResized = false }: { readonly damaged?: boolean; readonly isResized?: boolean } = {},
): Promise<EncodedImage> {
  return withImage(bytes, { failOn: damaged ? 'none' : 'error' }, (image, header) =>
    encodeOpened(bytes, image, header, { ...encodeSettings(options), damaged, isResized }),
  );
}

async function encodeOpened(
  bytes: Buffer,
  image: Sharp,
  meta: ImageHeader,
  {
    encode,
    resize,
    sizePx,
    onlyIfBigger,
    quality,
    keepLocation,
    damaged,
    isResized,
  }: Required<EncodeOptions> & { readonly damaged: boolean; readonly isResized: boolean },
): Promise<EncodedImage> {
  const turned = meta.orientation >= 5;
  const width = turned ? meta.height : meta.width;
  const height = turned ? meta.width : meta.height;
  const original = { originalWidth: width, originalHeight: height, exif: meta.exif };
  const isPlain = !damaged && meta.format === 'jpeg' && meta.orientation === 1 && isStandardColour(meta);
  const largest = Math.max(width, height);
  const smallest = Math.min(width, height);
  const square = smallest === largest ? largest : 0;
  const sideOf = { no: sizePx, keep_ratio: smallest, keep_ratio_largest: largest, center_crop: square, border: square };
  const isAsWanted = resize === 'no' || (isResized && sideOf[resize] === sizePx);
  if (encode === 'original' || (encode === 'auto' && isAsWanted && isPlain)) {
    const shown = keepLocation ? bytes : withoutLocation(bytes);
    return { bytes: shown, field: fieldOf[meta.format] ?? meta.format, width, height, ...original };
  }
  let pipeline = image.autoOrient();
  const isBigger = (resize === 'keep_ratio' || resize === 'center_crop' ? smallest : largest) > sizePx;
  if (resize !== 'no' && (isBigger || !onlyIfBigger)) {
    const fit = (
      { keep_ratio: 'outside', keep_ratio_largest: 'inside', center_crop: 'cover', border: 'contain' } as const
    )[resize];
    pipeline = pipeline.resize({ width: sizePx, height: sizePx, fit, background: 'white' });
  }
  const { data, info } = await pipeline
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .jpeg({ quality })
    .toBuffer({ resolveWithObject: true });
  return { bytes: data, field: 'jpg', width: info.width, height: info.height, ...original };
}

/** The usual ending of a file in a format that sharp calls otherwise. */
const fieldOf: Readonly<Record<string, string>> = { jpeg: 'jpg', heif: 'avif' };
