/**
 * Memory for pixels on their way, used again and again. V8 counts each new buffer and marks the whole heap for every few dozen megabytes of
 * them: with a new one for every decoded picture that took a third of the CPU time of a crawl that makes pictures smaller.
 */

/** Ours: what is larger is given back at once. */
const maxKeptBytes = 2 ** 22;
/** Ours: more are never in use at once on a machine of eight cores. */
const maxKept = 16;
/** Lengths are multiples of that, so that a buffer serves pictures of many sizes. */
const pieceBytes = 2 ** 18;

const kept: Buffer[] = [];

/** Lends a buffer of this length or more, with whatever bytes, until `use` has settled. Nothing may refer to it afterwards. */
export async function withScratch<T>(byteLength: number, use: (scratch: Buffer) => Promise<T>): Promise<T> {
  const at = kept.findIndex((buffer) => buffer.length >= byteLength);
  const scratch =
    at === -1 ? Buffer.allocUnsafeSlow(Math.ceil(byteLength / pieceBytes) * pieceBytes) : kept.splice(at, 1)[0]!;
  try {
    return await use(scratch);
  } finally {
    if (scratch.length <= maxKeptBytes) {
      kept.push(scratch);
      // The smallest goes first: a larger one serves in its place.
      if (kept.length > maxKept) kept.sort((a, b) => a.length - b.length).shift();
    }
  }
}
