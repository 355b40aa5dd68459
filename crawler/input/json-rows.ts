/**
 * The objects of a JSON file with bounded memory: of one array, as pandas writes records, or one after another, as many files
 * named `.json` have them.
 */
const [quote, backslash, open, close] = ['"', '\\', '{', '}'].map((mark) => mark.charCodeAt(0));
/** What stands between objects and says nothing. */
const between = new Set([...' \t\r\n,[]\ufeff'].flatMap((mark) => [...Buffer.from(mark)]));

/** The text of each object; null for one of more than `maxBytes`, and an empty text for what is none. */
export async function* jsonObjects(pieces: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string | null> {
  let depth = 0;
  let inString = false;
  let isEscaped = false;
  // Of the object that has begun in an earlier piece.
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let inOther = false;
  const take = (last: Uint8Array): string | null => {
    const text = heldBytes + last.length > maxBytes ? null : Buffer.concat([...held, last]).toString('utf8');
    held = [];
    heldBytes = 0;
    return text;
  };
  for await (const piece of pieces) {
    let from = 0;
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at]!;
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) inString = false;
      } else if (byte === quote) {
        inString = true;
        inOther ||= depth === 0;
      } else if (byte === open) {
        if (depth === 0) {
          if (inOther) yield '';
          inOther = false;
          from = at;
        }
        depth += 1;
      } else if (byte === close && depth > 0) {
        depth -= 1;
        if (depth === 0) yield take(piece.subarray(from, at + 1));
      } else if (depth === 0) {
        const isOther = !between.has(byte);
        if (inOther && !isOther) yield '';
        inOther = isOther;
      }
    }
    if (depth === 0) continue;
    heldBytes += piece.length - from;
    if (heldBytes <= maxBytes) held.push(Buffer.from(piece.subarray(from)));
    else held = [];
  }
  if (depth > 0 || inOther) yield heldBytes > maxBytes ? null : '';
}
