import { writevSync } from 'node:fs';

/** Writes all buffers at a position: the system may take fewer bytes than it was given. */
export function writeAll(fd: number, buffers: readonly Uint8Array[], position: number): void {
  let rest = buffers.filter((buffer) => buffer.byteLength > 0);
  let at = position;
  while (rest.length > 0) {
    let written = writevSync(fd, rest, at);
    at += written;
    while (rest.length > 0 && written >= rest[0]!.byteLength) {
      written -= rest[0]!.byteLength;
      rest = rest.slice(1);
    }
    if (written > 0) rest = [rest[0]!.subarray(written), ...rest.slice(1)];
  }
}
