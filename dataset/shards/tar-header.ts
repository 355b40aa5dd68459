/**
 * One 512-byte ustar header (POSIX.1-1988, `pax(1)`), written the same way every time: fixed mtime, owner and mode, so
 * that the same members always give the same bytes. Raw segments and shards are both made of these.
 */

/** Every member starts and ends on a multiple of this many bytes. */
export const blockBytes = 512;

/** 2020-01-22, the day ImageBERT was published; not 0, because GNU tar warns about 1970 when it extracts. */
const fixedMtimeSeconds = 1579651200;

/** Two zero blocks end an archive. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockBytes);

/** Octal field of `width` bytes including the closing NUL. */
function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

/** The bytes of the header before the checksum is known do not depend on the member, except for name and size. */
const template: Buffer = (() => {
  const header = Buffer.alloc(blockBytes);
  header.write(octal(0o444, 8), 100, 'latin1'); // mode
  header.write(octal(0, 8), 108, 'latin1'); // uid
  header.write(octal(0, 8), 116, 'latin1'); // gid
  header.write(octal(fixedMtimeSeconds, 12), 136, 'latin1');
  header.write('        ', 148, 'latin1'); // the checksum counts itself as eight spaces
  header.write('0', 156, 'latin1'); // a regular file
  header.write('ustar\x0000', 257, 'latin1');
  header.write(octal(0, 8), 329, 'latin1'); // devmajor
  header.write(octal(0, 8), 337, 'latin1'); // devminor
  return header;
})();

/**
 * The header of a regular file. Throws a RangeError for a name over 100 bytes, which would need an extension header
 * that some readers skip, and for a size of 8 GiB or more, which eleven octal digits cannot hold.
 */
export function tarHeader(name: string, byteLength: number): Buffer {
  const nameBytes = Buffer.from(name, 'utf8');
  if (nameBytes.length === 0 || nameBytes.length > 100) {
    throw new RangeError(`A tar member's name has 1 to 100 bytes, this one ${nameBytes.length}: ${name}`);
  }
  if (byteLength >= 8 ** 11) throw new RangeError(`A ustar member is smaller than 8 GiB, this one has ${byteLength} B`);
  const header = Buffer.from(template);
  nameBytes.copy(header, 0);
  header.write(octal(byteLength, 12), 124, 'latin1');
  header.write(`${headerChecksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** Sum of the header's bytes at `offset`, with the checksum field itself taken as spaces. */
export function headerChecksum(block: Uint8Array, offset = 0): number {
  let sum = 8 * 0x20;
  for (let i = offset; i < offset + 148; i++) sum += block[i]!;
  for (let i = offset + 156; i < offset + blockBytes; i++) sum += block[i]!;
  return sum;
}

/** Zero bytes that follow a body of this length up to the next block. */
export function paddingBytes(byteLength: number): number {
  return (blockBytes - (byteLength % blockBytes)) % blockBytes;
}
