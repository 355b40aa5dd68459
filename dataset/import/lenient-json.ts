/**
 * JSON as Python writes it: `NaN`, `Infinity` and `-Infinity` are values there and become null here. One pass over the bytes says how
 * deep it is before anything is built of it.
 */

const maxBytes = 16 << 20;
const maxDepth = 64;

export type JsonFault = 'bad-json' | 'json-too-large' | 'json-too-deep';

export type JsonResult = { readonly value: unknown } | { readonly fault: JsonFault };

const quote = 0x22;
const backslash = 0x5c;
const words: readonly Buffer[] = ['-Infinity', 'Infinity', 'NaN'].map((word) => Buffer.from(word));

export function parseJson(bytes: Buffer): JsonResult {
  if (bytes.length > maxBytes) return { fault: 'json-too-large' };
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const body = hasMark ? bytes.subarray(3) : bytes;
  const pieces: Buffer[] = [];
  let from = 0;
  let depth = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]!;
    if (byte === quote) {
      at = endOfString(body, at);
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > maxDepth) return { fault: 'json-too-deep' };
    } else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
    } else if (byte === 0x4e || byte === 0x49 || (byte === 0x2d && body[at + 1] === 0x49)) {
      const word = words.find((one) => body.subarray(at, at + one.length).equals(one));
      if (word === undefined) return { fault: 'bad-json' };
      pieces.push(body.subarray(from, at), Buffer.from('null'));
      from = at + word.length;
      at = from - 1;
    }
  }
  const text = pieces.length === 0 ? body : Buffer.concat([...pieces, body.subarray(from)]);
  try {
    return { value: JSON.parse(text.toString('utf8')) };
  } catch {
    return { fault: 'bad-json' };
  }
}

/** Where the string that begins at `start` ends; the end of the bytes when it does not. */
function endOfString(body: Buffer, start: number): number {
  for (let at = start + 1; at < body.length; at += 1) {
    if (body[at] === backslash) at += 1;
    else if (body[at] === quote) return at;
  }
  return body.length;
}
