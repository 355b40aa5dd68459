/**
 * The HTML of pages, in append-only files `pages/000000.warc.gz` of about 1 GB that every tool for web archives reads (WARC
 * 1.1, one gzip member a record). As with raw images, what the ledger has committed is stored; what lies after it was torn by a
 * kill and is cut off when the store is opened. A page that changed is appended again: earlier versions stay.
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { writeAll } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
import { UserError } from '../user-error.ts';
import { gzipMembers } from './gzip-members.ts';
import type { Ledger } from './ledger.ts';
import { maxUncommitted } from './raw-store.ts';

/** Where the records of one visit lie: the segment's number, the offset of the first byte, and how many there are. */
export interface PagePlace {
  readonly segment: number;
  readonly offset: number;
  readonly byteLength: number;
}

export interface PageStore {
  /** Writes the records of one page to the end and says where. The caller commits that place to the ledger. */
  append(records: Uint8Array): PagePlace;
  /** The records as they were appended; throws when the segment is missing or ends before. */
  read(place: PagePlace): Buffer;
  /** Puts one record without content in their place, so that all other places stay true. A missing segment is fine. */
  erase(place: PagePlace): void;
  /** Waits until what was appended is on the disk; call it before the ledger's commit. */
  sync(): void;
  close(): void;
}

/** Where the records of a page's last visit lie; a page that was never kept has none. */
export interface KeptPage extends PagePlace {
  readonly url: string;
}

/** Remembers where the records of a page lie. Earlier versions stay known. */
export function keepPage(ledger: Ledger, url: string, { segment, offset, byteLength }: PagePlace): void {
  ledger
    .statement(
      `INSERT INTO kept_pages (page_id, segment, offset, byte_length)
       SELECT id, ?, ?, ? FROM pages WHERE url = ? ON CONFLICT DO NOTHING`,
    )
    .run(segment, offset, byteLength, url);
}

/** The newest version of every page that is still there, in the order in which they lie. Reads in steps. */
export function* keptPages(ledger: Ledger, { batchSize = 1000 } = {}): Generator<KeptPage> {
  const statement = ledger.db.prepare(
    `SELECT k.page_id AS id, g.url, k.segment, k.offset, k.byte_length AS byteLength
     FROM kept_pages k JOIN pages g ON g.id = k.page_id
     WHERE (k.segment, k.offset) > (?, ?) AND g.reason IS NOT 'gone' AND g.status NOT IN ('skipped', 'refused')
       AND NOT EXISTS (SELECT 1 FROM kept_pages n WHERE n.page_id = k.page_id
         AND (n.segment, n.offset) > (k.segment, k.offset))
     ORDER BY k.segment, k.offset LIMIT ?`,
  );
  for (let after = { segment: -1, offset: -1 }; ; ) {
    const rows = statement.all(after.segment, after.offset, batchSize) as KeptPage[];
    if (rows.length === 0) return;
    yield* rows;
    after = rows.at(-1)!;
  }
}

/** Where all versions of these pages lie. */
export function placesOfPages(ledger: Ledger, pageIds: ReadonlySet<number>): PagePlace[] {
  const places = ledger.db.prepare(
    'SELECT segment, offset, byte_length AS byteLength FROM kept_pages WHERE page_id = ? ORDER BY segment, offset',
  );
  return [...pageIds].flatMap((id) => places.all(id) as PagePlace[]);
}

/** Forgets where these lie. The last of the store stays known as its end. */
export function forgetPlaces(ledger: Ledger, places: readonly PagePlace[]): void {
  const forget = ledger.db.prepare('UPDATE kept_pages SET page_id = NULL WHERE segment = ? AND offset = ?');
  ledger.write(() => {
    for (const { segment, offset } of places) forget.run(segment, offset);
  });
}

/** The end of what the ledger has committed; segment 0, offset 0 when it has nothing. */
export function committedPagesEnd(ledger: Ledger): { readonly segment: number; readonly end: number } {
  const row = ledger.db
    .prepare('SELECT segment, offset + byte_length AS end FROM kept_pages ORDER BY segment DESC, offset DESC LIMIT 1')
    .get() as { segment: number; end: number } | undefined;
  return row ?? { segment: 0, end: 0 };
}

/**
 * Opens `pages/` in a corpus directory for reading and appending; one writer at a time. With `committedEnd`, whatever lies
 * after it is cut off at once. A new segment starts once one has reached `segmentBytes`: 1 GB, as Common Crawl's files are.
 */
export function openPageStore(
  corpusDir: string,
  {
    committedEnd,
    segmentBytes = 1_000_000_000,
  }: {
    readonly committedEnd?: { readonly segment: number; readonly end: number };
    readonly segmentBytes?: number;
  } = {},
): PageStore {
  const folder = join(corpusDir, 'pages');
  const path = (segment: number): string => join(folder, `${String(segment).padStart(6, '0')}.warc.gz`);
  let reader: { readonly segment: number; readonly fd: number } | undefined;
  let writer: { readonly segment: number; readonly fd: number; end: number } | undefined;
  if (committedEnd !== undefined && existsSync(folder)) cutBack(committedEnd);

  /** Throws a UserError when that would be more than the pages of one batch, which is what a kill leaves behind. */
  function cutBack({ segment, end }: { readonly segment: number; readonly end: number }): void {
    const later = readdirSync(folder).filter(
      (name) => /^\d{6,}\.warc\.gz$/.test(name) && Number.parseInt(name, 10) > segment,
    );
    const tails = [
      ...(existsSync(path(segment)) ? [[path(segment), end] as const] : []),
      ...later.map((name) => [join(folder, name), 0] as const),
    ];
    const count = tails.reduce((sum, [file, from]) => sum + countPages(file, from, maxUncommitted + 1), 0);
    if (later.length > 1 || count > maxUncommitted) {
      throw new UserError(
        `Expected at most the ${maxUncommitted} pages of one batch after those that ledger.db knows but received more in ${folder}: ` +
          `ledger.db is older than it, or another one's; put the ledger.db that belongs to ${folder} back, or move ${folder} away.`,
      );
    }
    for (const name of later) rmSync(join(folder, name));
    if (!existsSync(path(segment))) return;
    const fd = openSync(path(segment), 'r+');
    ftruncateSync(fd, end);
    closeSync(fd);
  }

  function openWriter(segment: number, end: number): { readonly segment: number; readonly fd: number; end: number } {
    makeFolder(folder);
    const fd = openSync(path(segment), existsSync(path(segment)) ? 'r+' : 'w+');
    const folderFd = openSync(folder, 'r');
    fsyncSync(folderFd);
    closeSync(folderFd);
    return { segment, fd, end };
  }

  function closeWriter(): void {
    if (writer === undefined) return;
    fsyncSync(writer.fd);
    closeSync(writer.fd);
    writer = undefined;
  }

  return {
    append(records) {
      if (committedEnd === undefined) throw new Error('a page store is opened for appending with its committed end');
      writer ??= openWriter(committedEnd.segment, committedEnd.end);
      if (writer.end >= segmentBytes) {
        const next = writer.segment + 1;
        closeWriter();
        writer = openWriter(next, 0);
      }
      writeAll(writer.fd, [records], writer.end);
      const offset = writer.end;
      writer.end += records.byteLength;
      return { segment: writer.segment, offset, byteLength: records.byteLength };
    },
    read({ segment, offset, byteLength }) {
      if (reader?.segment !== segment) {
        if (reader !== undefined) closeSync(reader.fd);
        reader = { segment, fd: openSync(path(segment), 'r') };
      }
      const bytes = Buffer.allocUnsafe(byteLength);
      const got = readSync(reader.fd, bytes, 0, byteLength, offset);
      if (got !== byteLength) throw new Error(`${path(segment)} ends before byte ${offset + byteLength}`);
      return bytes;
    },
    erase({ segment, offset, byteLength }) {
      if (!existsSync(path(segment))) return;
      const fd = openSync(path(segment), 'r+');
      writeAll(fd, [blankRecord(byteLength)], offset);
      fsyncSync(fd);
      closeSync(fd);
    },
    sync() {
      if (writer !== undefined) fsyncSync(writer.fd);
    },
    close() {
      closeWriter();
      if (reader !== undefined) closeSync(reader.fd);
      reader = undefined;
    },
  };
}

/** How many pages follow in a segment, `most` at most: members with a response, as far as they are whole. */
function countPages(file: string, from: number, most: number): number {
  let count = 0;
  for (const { content } of gzipMembers(file, from)) {
    if (/^WARC-Type: response\r$/m.test(content.toString('latin1', 0, 1000))) count += 1;
    if (count >= most) break;
  }
  return count;
}

/**
 * A gzip member (RFC 1952) of exactly so many bytes that holds a metadata record without content: its header has a comment
 * as long as need be, and the record is stored, not compressed.
 */
export function blankRecord(byteLength: number): Buffer {
  const record = Buffer.from(
    'WARC/1.1\r\nWARC-Type: metadata\r\nWARC-Record-ID: <urn:lait:taken-down>\r\nWARC-Date: 1970-01-01T00:00:00Z\r\n' +
      'Content-Type: application/warc-fields\r\nContent-Length: 0\r\n\r\n\r\n\r\n',
  );
  const commentLength = byteLength - 10 - 1 - 5 - record.length - 8;
  if (commentLength < 0) throw new Error(`expected at least ${byteLength - commentLength} bytes for a blank record`);
  const header = Buffer.from([0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 0xff]);
  const stored = Buffer.alloc(5);
  stored[0] = 1;
  stored.writeUInt16LE(record.length, 1);
  stored.writeUInt16LE(~record.length & 0xffff, 3);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(record), 0);
  trailer.writeUInt32LE(record.length, 4);
  return Buffer.concat([header, Buffer.alloc(commentLength, ' '), Buffer.alloc(1), stored, record, trailer]);
}
