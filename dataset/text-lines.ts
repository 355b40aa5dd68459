/** Lines of a text of any size, with bounded memory. A line ends with LF, CR LF or CR. */
const lf = 10;
const cr = 13;

/** Ours: empty lines in a row that are handed out. A megabyte of compressed ones would cost minutes. */
const maxEmptyLines = 1000;

/**
 * UTF-8 lines without their ends; null for one of more than `maxBytes`. Empty ones are among them, but of a long row of these only its
 * beginning. A byte order mark is left out.
 */
export async function* textLines(pieces: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string | null> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let isFirst = true;
  let endedInCr = false;
  let emptyLines = 0;
  const line = (last: Buffer): string | null => {
    const byteLength = heldBytes + last.length;
    const bytes = byteLength > maxBytes ? null : held.length === 0 ? last : Buffer.concat([...held, last]);
    held = [];
    heldBytes = 0;
    if (bytes === null) return null;
    const text = bytes.toString('utf8');
    const hasMark = isFirst && text.startsWith('\ufeff');
    isFirst = false;
    return hasMark ? text.slice(1) : text;
  };
  for await (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (bytes.length === 0) continue;
    let from = endedInCr && bytes[0] === lf ? 1 : 0;
    endedInCr = false;
    let nextCr = bytes.indexOf(cr, from);
    for (let nextLf = bytes.indexOf(lf, from); nextLf !== -1 || nextCr !== -1; ) {
      const end = nextCr !== -1 && (nextLf === -1 || nextCr < nextLf) ? nextCr : nextLf;
      emptyLines = end === from && heldBytes === 0 ? emptyLines + 1 : 0;
      if (emptyLines <= maxEmptyLines) yield line(bytes.subarray(from, end));
      from = end + 1;
      if (end === nextCr) {
        if (from === bytes.length) endedInCr = true;
        else if (bytes[from] === lf) from += 1;
        nextCr = bytes.indexOf(cr, from);
      }
      if (emptyLines >= maxEmptyLines) while (bytes[from] === lf || bytes[from] === cr) from += 1;
      if (nextLf !== -1 && nextLf < from) nextLf = bytes.indexOf(lf, from);
      if (nextCr !== -1 && nextCr < from) nextCr = bytes.indexOf(cr, from);
    }
    heldBytes += bytes.length - from;
    if (heldBytes <= maxBytes) held.push(Buffer.from(bytes.subarray(from)));
    else held = [];
  }
  if (heldBytes > 0) yield line(Buffer.alloc(0));
}
