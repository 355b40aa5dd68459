/**
 * Size and orientation from the header of a JPEG (ITU-T T.81, Annex B; Exif 2.3, §4.5). Asking libvips for them sets up a second
 * pipeline for every image, a tenth of what decoding costs; what is unusual is left to it.
 */

export interface JpegHeader {
  /** Stored size in pixels, before orientation. */
  readonly width: number;
  readonly height: number;
  /** Exif orientation, 1 to 8; 1 when the file has none. */
  readonly orientation: number;
  /** The Exif block with its six bytes of name, null when the file has none. */
  readonly exif: Buffer | null;
  /** The colour profile, null when the file has none. */
  readonly icc: Buffer | null;
  /** 1 for grey, 3 for colour. */
  readonly components: 1 | 3;
  /** Baseline, extended or progressive with Huffman codes: what every decoder reads. */
  readonly isCommon: boolean;
  /** Bytes that a decoder holds of the whole picture: its coefficients where they come in several scans, else 0. */
  readonly wholeBytes: number;
}

/** Reads up to the frame header; null when there is none, when it is cut off, or when the image is not grey or of three colours in 8 bits. */
export function jpegHeader(bytes: Buffer): JpegHeader | null {
  let orientation = 0;
  let exif: Buffer | null = null;
  const profile: Buffer[] = [];
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    // Standalone markers, and scans before a frame, do not belong here.
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xda)) return null;
    const length = bytes.readUInt16BE(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return null;
    const segment = bytes.subarray(at + 4, end);
    if (marker === 0xe1) {
      if (exif === null && segment.toString('latin1', 0, 6) === 'Exif\0\0') exif = segment;
      if (orientation === 0) orientation = exifOrientation(segment);
    } else if (marker === 0xe2 && segment.toString('latin1', 0, 12) === 'ICC_PROFILE\0')
      profile.push(segment.subarray(14));
    else if (isFrame(marker)) {
      if (length < 8 || bytes[at + 4] !== 8) return null;
      const height = bytes.readUInt16BE(at + 5);
      const width = bytes.readUInt16BE(at + 7);
      const components = bytes[at + 9]!;
      if (width === 0 || height === 0 || (components !== 1 && components !== 3)) return null;
      const icc = profile.length === 0 ? null : Buffer.concat(profile);
      const isWhole = isProgressive(marker) || scanComponents(bytes, end) < components;
      const wholeBytes = isWhole ? 2 * width * height * samplesOfPixel(segment) : 0;
      const isCommon = marker <= 0xc2;
      return {
        width,
        height,
        orientation: orientation === 0 ? 1 : orientation,
        exif,
        icc,
        components,
        isCommon,
        wholeBytes,
      };
    }
    at = end;
  }
  return null;
}

/** SOF0 to SOF15, between which the codes of other tables lie. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** SOF2, SOF6, SOF10, SOF14. */
const isProgressive = (marker: number): boolean => (marker & 3) === 2;

/** Samples of all components for a pixel, by the sampling factors of a frame header: 3 for 4:4:4, 1.5 for 4:2:0. */
function samplesOfPixel(frame: Buffer): number {
  const factors = Array.from({ length: frame[5]! }, (_, i) => frame[7 + 3 * i] ?? 0x11);
  const areas = factors.map((factor) => (factor >> 4) * (factor & 15));
  const whole =
    Math.max(1, ...factors.map((factor) => factor >> 4)) * Math.max(1, ...factors.map((factor) => factor & 15));
  return areas.reduce((sum, area) => sum + area, 0) / whole;
}

/** How many components the first scan has; endless when it does not come. */
function scanComponents(bytes: Buffer, from: number): number {
  for (let at = from; at + 4 < bytes.length && bytes[at] === 0xff; ) {
    if (bytes[at + 1] === 0xda) return bytes[at + 4]!;
    at += bytes[at + 1] === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2);
  }
  return Number.POSITIVE_INFINITY;
}

/** The orientation in an APP1 segment; 0 when it is no Exif or has none. */
function exifOrientation(segment: Buffer): number {
  if (segment.length < 22 || segment.toString('latin1', 0, 6) !== 'Exif\0\0') return 0;
  const tiff = segment.subarray(6);
  const order = tiff.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return 0;
  const little = order === 'II';
  const short = (at: number): number => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const directory = little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  if (directory + 2 > tiff.length) return 0;
  const entries = Math.min(short(directory), 1000);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.length) return 0;
    if (short(entry) !== 0x0112) continue;
    const value = short(entry + 8);
    return value >= 1 && value <= 8 ? value : 0;
  }
  return 0;
}
