/**
 * The records of a web archive (WARC 0.17 to 1.1, ISO 28500) one after the other, each with its head and, where it is asked for, its
 * block. Read here and not by warcio.js, which has no limits: it takes a line or a chunk of any length into memory, and waits for
 * ever for the rest of a record that is cut. A record that is none is passed over up to the next one.
 */
import type { Piece } from './archive-bytes.ts';
import { BrokenArchive } from './broken-archive.ts';

export interface WarcRecord {
  /** `response`, `warcinfo`, …; empty where the record does not say. */
  readonly type: string;
  /** Every value of each header field, by its name in lower case. */
  readonly fields: Fields;
  readonly blockLength: number;
  /** The first bytes of the block, so many at most; null when it is cut. Ask once, and before the next record. */
  readonly block: (maxBytes: number) => Promise<Buffer | null>;
}

/** What may be wrong with one record while the next one can be read. */
export type BadRecord = 'no-record' | 'header-too-long' | 'no-length' | 'record-cut';

/** Ours. Servers send 8 to 16 KB at most, and a head repeats none of it. */
const maxHeadBytes = 65_536;
/** Ours: a longer way from one record to the next is no archive any more. */
const maxGapBytes = 1_000_000_000;
/** Ours, before the first record: what has none here is another kind of file. */
const maxLeadBytes = 1_000_000;

/**
 * Records as they come; `onBad` hears of each that is passed over. Throws what the pieces throw, and a BrokenArchive where
 * nothing like a record follows for too long. What has no record at its beginning is no archive, and gives none.
 */
export async function* warcRecords(
  pieces: AsyncIterable<Piece>,
  onBad: (what: BadRecord) => void = () => {},
): AsyncGenerator<WarcRecord> {
  const input = new PieceReader(pieces);
  let hasRecord = false;
  try {
    while (await input.skipBlankLines()) {
      const head = await input.head();
      const fields: Fields = typeof head === 'string' ? fieldsOf(head) : {};
      const bad = typeof head === 'string' ? (lengthOf(fields) === null ? 'no-length' : null) : head.bad;
      if (bad !== null) {
        hasRecord ||= bad !== 'no-record';
        if (hasRecord) onBad(bad);
        if (await input.toNextRecord(hasRecord ? maxGapBytes : maxLeadBytes)) continue;
        if (hasRecord && !input.isOver) throw new BrokenArchive('no-more-records', input.memberOffset);
        return;
      }
      hasRecord = true;
      const blockLength = lengthOf(fields)!;
      let left = blockLength;
      const block = async (maxBytes: number): Promise<Buffer | null> => {
        const parts: Buffer[] = [];
        for (let wanted = maxBytes; left > 0; ) {
          const bytes = await input.blockBytes(left);
          if (bytes === null) return null;
          left -= bytes.length;
          if (wanted > 0) parts.push(bytes.subarray(0, wanted));
          wanted -= bytes.length;
        }
        return Buffer.concat(parts);
      };
      yield { type: (fields['warc-type']?.[0] ?? '').toLowerCase(), fields, blockLength, block };
      await block(0);
      if (left > 0) onBad('record-cut');
    }
  } finally {
    await input.close();
  }
}

/** Null when it is missing or no length. */
function lengthOf({ 'content-length': [length = ''] = [] }: Fields): number | null {
  return /^\d{1,13}$/.test(length) ? Number(length) : null;
}

/** Pieces as one stream, in which a member that begins with a record ends the one before it. */
class PieceReader {
  readonly #pieces: AsyncIterator<Piece>;
  #bytes: Buffer = Buffer.alloc(0);
  #startsMember = false;
  /** So many bytes that come next are known to end no head: where heads are too long, each would be searched for again. */
  #endless = 0;
  /** Whether all pieces were read. */
  isOver = false;
  /** Where the member begins that the bytes are of. */
  memberOffset = 0;

  constructor(pieces: AsyncIterable<Piece>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Whether something follows. */
  async skipBlankLines(): Promise<boolean> {
    while (await this.#fill()) {
      const at = this.#bytes.findIndex((byte) => byte !== 10 && byte !== 13);
      if (at === 0) return true;
      this.#drop(at === -1 ? this.#bytes.length : at);
    }
    return false;
  }

  /** The head of the record that begins here, without its last line; what is wrong where there is none, and then it is still there. */
  async head(): Promise<string | { readonly bad: BadRecord }> {
    let head = this.#bytes;
    this.#startsMember = false;
    for (;;) {
      if (!isPrefixOfRecord(head)) return { bad: 'no-record' };
      const end = endOfHead(head, Math.max(0, this.#endless - maxEndBytes));
      if (end !== null && end.next <= maxHeadBytes) {
        this.#bytes = head.subarray(end.next);
        this.#endless = 0;
        return head.toString('utf8', 0, end.end);
      }
      this.#endless = end === null ? head.length : end.end;
      if (head.length > maxHeadBytes) {
        this.#bytes = head;
        return { bad: 'header-too-long' };
      }
      this.#bytes = Buffer.alloc(0);
      if (!(await this.#fill()) || this.#isNextRecord()) {
        if (this.#bytes.length === 0) this.#bytes = head;
        else this.#endless = 0;
        return { bad: 'record-cut' };
      }
      head = Buffer.concat([head, this.#bytes]);
    }
  }

  /** The next bytes of a block, so many at most; null where the file or the member ends before. */
  async blockBytes(maxBytes: number): Promise<Buffer | null> {
    if (!(await this.#fill()) || this.#isNextRecord()) return null;
    const bytes = this.#bytes.subarray(0, maxBytes);
    this.#drop(bytes.length);
    return bytes;
  }

  /** Passes over what is here, up to a line or a member that begins as a record does; false when there is none in so many bytes. */
  async toNextRecord(maxBytes: number): Promise<boolean> {
    let isFirst = !this.#isNextRecord();
    for (let passed = 0; passed < maxBytes; ) {
      if (!(await this.#fill())) return false;
      if (this.#isNextRecord() && !isFirst) return true;
      const at = this.#bytes.indexOf(recordLine, isFirst ? 1 : 0);
      isFirst = false;
      if (at !== -1) {
        this.#drop(at + 1);
        return true;
      }
      // The line may begin at the end of this piece.
      const tail = this.#bytes.subarray(-recordLine.length);
      passed += this.#bytes.length;
      this.#drop(this.#bytes.length);
      if (!(await this.#fill())) return false;
      if (this.#startsMember) continue;
      const seam = Buffer.concat([tail, this.#bytes.subarray(0, recordLine.length)]).indexOf(recordLine);
      if (seam === -1) continue;
      const from = seam + 1 - tail.length;
      if (from >= 0) this.#drop(from);
      else this.#bytes = Buffer.concat([tail.subarray(from), this.#bytes]);
      return true;
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  #isNextRecord(): boolean {
    return this.#startsMember && this.#bytes.subarray(0, 5).equals(recordStart);
  }

  #drop(byteLength: number): void {
    if (byteLength > 0) this.#startsMember = false;
    this.#endless = Math.max(0, this.#endless - byteLength);
    this.#bytes = this.#bytes.subarray(byteLength);
  }

  /** Whether there are bytes. */
  async #fill(): Promise<boolean> {
    while (this.#bytes.length === 0 && !this.isOver) {
      const next = await this.#pieces.next();
      if (next.done) this.isOver = true;
      else {
        this.#bytes = next.value.bytes;
        this.#startsMember = next.value.isStart;
        this.memberOffset = next.value.memberOffset;
      }
    }
    return this.#bytes.length > 0;
  }
}

const recordStart = Buffer.from('WARC/');
const recordLine = Buffer.from('\nWARC/');

const isPrefixOfRecord = (head: Buffer): boolean =>
  head.length < recordStart.length
    ? recordStart.subarray(0, head.length).equals(head)
    : head.subarray(0, recordStart.length).equals(recordStart);

/** Bytes of the longest end of a head. */
const maxEndBytes = 4;

/** Where a head ends and what follows it begins, looked for from a byte on. Lines end in CR LF; some writers leave the CR out. */
export function endOfHead(bytes: Buffer, from = 0): { readonly end: number; readonly next: number } | null {
  for (let at = bytes.indexOf(lf, from); at !== -1; at = bytes.indexOf(lf, at + 1)) {
    if (bytes[at + 1] === lf) return { end: at, next: at + 2 };
    if (bytes[at - 1] === cr && bytes[at + 1] === cr && bytes[at + 2] === lf) return { end: at - 1, next: at + 3 };
  }
  return null;
}

const lf = 10;
const cr = 13;

export type Fields = Readonly<Record<string, readonly string[]>>;

/** The fields of a head, WARC's or HTTP's: its first line is passed over, folded lines are joined. */
export function fieldsOf(head: string): Fields {
  const fields: Record<string, string[]> = Object.create(null);
  let values: string[] = [];
  for (const line of head.split(/\r?\n/).slice(1)) {
    if (/^[ \t]/.test(line)) {
      if (values.length > 0) values[values.length - 1] += ` ${line.trim()}`;
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? '' : line.slice(0, colon).trim().toLowerCase();
    values = [];
    if (name === '') continue;
    fields[name] ??= values;
    values = fields[name];
    values.push(line.slice(colon + 1).trim());
  }
  return fields;
}
