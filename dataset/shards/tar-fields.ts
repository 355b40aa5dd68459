/** Fields of a tar header: names, sizes in octal or base 256, and PAX records. */
/** What an extension header says of the member that follows it. */
export interface Extension {
  path?: string;
  size?: number;
  sparse?: boolean;
}

/** A string that ends at the first NUL. */
export function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** The name in the header itself, with the ustar prefix. */
export function plainName(block: Buffer): string {
  const name = untilNul(block.subarray(0, 100));
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  return isPosix && block[345] !== 0 ? `${untilNul(block.subarray(345, 500))}/${name}` : name;
}

/** Octal digits up to a space or NUL; NaN when there is something else. */
export function octal(block: Buffer, start: number, width: number): number {
  let value = 0;
  let digits = 0;
  for (let i = start; i < start + width; i++) {
    const byte = block[i]!;
    if (byte >= 0x30 && byte <= 0x37) {
      value = value * 8 + byte - 0x30;
      digits += 1;
    } else if (byte === 0 || byte === 0x20) {
      if (digits > 0) break;
    } else return Number.NaN;
  }
  return value;
}

/** A size: octal, or GNU's big-endian base 256 when the first bit is set. */
export function number(block: Buffer, start: number, width: number): number {
  if ((block[start]! & 0x80) === 0) return octal(block, start, width);
  let value = block[start]! & 0x7f;
  for (let i = start + 1; i < start + width; i++) value = value * 256 + block[i]!;
  return value;
}

/** The records `LENGTH KEY=VALUE\n` that concern us. */
export function paxRecords(bytes: Buffer): Extension {
  const extension: Extension = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', at, space));
    if (!Number.isInteger(length) || length <= space - at || at + length > bytes.length) break;
    const equals = bytes.indexOf(0x3d, space);
    const key = bytes.toString('utf8', space + 1, equals);
    const value = bytes.toString('utf8', equals + 1, at + length - 1);
    if (key === 'path') extension.path = value;
    else if (key === 'size') extension.size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    else if (key.startsWith('GNU.sparse.')) extension.sparse = true;
    at += length;
  }
  return extension;
}
