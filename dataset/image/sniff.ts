/** What bytes are by the way they begin, whatever a server calls them. */

/** Formats that are decoded; SVG is none, since it is a program. */
export type ImageFormat = 'jpg' | 'png' | 'gif' | 'webp' | 'avif';

/** Why bytes are none of them. */
export type NoFormat = 'not-an-image' | `unsupported-format-${'svg' | 'jp2' | 'jxl' | 'ico' | 'bmp' | 'tiff' | 'heic'}`;

/** Formats that browsers or cameras have and libvips, as sharp brings it, has not, by their first bytes in hexadecimal digits. */
const unsupported: readonly (readonly [start: RegExp, reason: NoFormat])[] = [
  [/^.{8}66747970(?:686569|686576|6d696631|6d736631)/, 'unsupported-format-heic'], // ftyp hei? hev? mif1 msf1
  [/^(?:49492[ab]00|4d4d002[ab])/, 'unsupported-format-tiff'],
  [/^424d.{8}00000000/, 'unsupported-format-bmp'],
  [/^00000[12]00(?!00)..00/, 'unsupported-format-ico'], // icons and cursors
  [/^(?:ff0a|0000000c4a584c20)/, 'unsupported-format-jxl'],
  [/^(?:ff4fff51|0000000c6a502020)/, 'unsupported-format-jp2'],
];

/** What bytes are that are no image which the project reads. */
export function otherFormat(bytes: Buffer): NoFormat {
  const start = bytes.toString('latin1', 0, 1024);
  if (/^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!DOCTYPE svg|svg)/.test(start) && /<svg[\s>]/.test(start)) {
    return 'unsupported-format-svg';
  }
  const digits = bytes.toString('hex', 0, 16);
  return unsupported.find(([pattern]) => pattern.test(digits))?.[1] ?? 'not-an-image';
}

/** Null when the bytes do not begin like an image that the project reads. */
export function sniffFormat(bytes: Buffer): ImageFormat | null {
  if (bytes.length < 12) return null;
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpg';
  if (bytes.readUInt32BE(0) === 0x89504e47 && bytes.readUInt32BE(4) === 0x0d0a1a0a) return 'png';
  const start = bytes.toString('latin1', 0, 12);
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'gif';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'webp';
  if (start.slice(4, 8) === 'ftyp' && /avi[fs]/.test(bytes.toString('latin1', 8, 40))) return 'avif';
  return null;
}
