/**
 * EXIF tags as the JSON text of img2dataset's `exif` column: names and values as its reader (exifread) prints them, all values texts:
 * `{"Image Orientation": "Horizontal (normal)", "EXIF ExposureTime": "1/60"}`. Without what names a place or fills space.
 */
import readExif from 'exif-reader';
import { isPlainExif } from '../image/costly-metadata.ts';
import { exifValueNames } from './exif-value-names.ts';

/** Tags that exifread calls otherwise than the standard does, and so exif-reader. */
const otherNames: Readonly<Record<string, string>> = {
  NewSubfileType: 'SubfileType',
  SubfileType: 'OldSubfileType',
  SubjectLocation: 'SubjectArea',
  FlashpixVersion: 'FlashPixVersion',
  PixelXDimension: 'ExifImageWidth',
  PixelYDimension: 'ExifImageLength',
};

/** Positions, what a camera's maker or its user wrote, and pointers from one block of tags to another. */
const leftOut = /^(GPS|MakerNote|UserComment|XMLPacket|IPTCNAA|ExifTag$|InteroperabilityTag$|\d)/;

/** Longer values fill space. */
const maxValueLength = 1000;

/**
 * Tags of an EXIF block as a flat JSON object. Binary values (maker notes, thumbnails) are left out, and so is the GPS position unless
 * it is asked for: where somebody stood is nothing a corpus needs. A broken block, and one that costs more than it weighs, gives `{}`.
 */
export function exifJson(block: Buffer | null, { keepLocation = false } = {}): string {
  if (block === null || !isPlainExif(block.subarray(block.toString('latin1', 0, 6) === 'Exif\0\0' ? 6 : 0)))
    return '{}';
  try {
    const { Image: image = {}, Photo: photo = {}, GPSInfo: position = {} } = readExif(block);
    const tags: Record<string, string> = {};
    for (const [prefix, found] of [
      ['Image', image],
      ['EXIF', photo],
      ...(keepLocation ? [['GPS', position] as const] : []),
    ] as const) {
      for (const [tag, value] of Object.entries(found ?? {})) {
        if (prefix !== 'GPS' && leftOut.test(tag)) continue;
        const name = otherNames[tag] ?? tag;
        const text = printed(name, value)?.trim();
        if (text !== undefined && text.length <= maxValueLength) tags[`${prefix} ${name}`] = text;
      }
    }
    return JSON.stringify(tags);
  } catch {
    return '{}';
  }
}

/** The `exif` of another set, whose tags may stand in groups (`GPS GPSLatitude`), without what is not wanted; as it is when it is no object. */
export function withoutPosition(exif: string): string {
  try {
    const tags = JSON.parse(exif) as unknown;
    if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return exif;
    const kept = Object.entries(tags).filter(([name]) => !/(^|[\s:.])(GPS|MakerNote)/i.test(name));
    return kept.length === Object.keys(tags).length ? exif : JSON.stringify(Object.fromEntries(kept));
  } catch {
    return exif;
  }
}

/** A value as exifread prints it; undefined for bytes that are no text. */
function printed(tag: string, value: unknown): string | undefined {
  const words = exifValueNames[tag];
  if (value instanceof Uint8Array) {
    if (words !== undefined) return Array.from(value, (byte) => words[byte] ?? '').join('');
    return tag.endsWith('Version') ? Buffer.from(value).toString('latin1').replaceAll('\0', '') : undefined;
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) return undefined;
    return value.toISOString().slice(0, 19).replace('T', ' ').replace('-', ':').replace('-', ':');
  }
  if (typeof value === 'number') return words?.[value] ?? ratio(value);
  if (Array.isArray(value)) {
    const all = value.map((one) => (typeof one === 'number' ? (words?.[one] ?? ratio(one)) : String(one)));
    return words === undefined ? `[${all.join(', ')}]` : all.join('');
  }
  // What comes after a zero byte is left over from the camera's memory.
  return typeof value === 'string' ? value.split('\0')[0] : undefined;
}

/** A number as the fraction in lowest terms that it was: EXIF holds pairs of whole numbers. */
function ratio(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  let [last, numerator] = [1, Math.floor(value)];
  let [lastBelow, denominator] = [0, 1];
  // Continued fractions: each step is the nearest fraction with so small a denominator.
  for (let rest = value - numerator; denominator < 2 ** 32; rest = 1 / rest - Math.floor(1 / rest)) {
    if (numerator / denominator === value || rest === 0) break;
    const whole = Math.floor(1 / rest);
    [last, numerator] = [numerator, whole * numerator + last];
    [lastBelow, denominator] = [denominator, whole * denominator + lastBelow];
  }
  return `${numerator}/${denominator}`;
}
