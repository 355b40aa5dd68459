/**
 * Reads one HTTP/1 response as Chromium does (net/http: HttpStreamParser, HttpResponseHeaders, HttpChunkedDecoder), which forgives
 * what RFC 9112 forbids: lines ended by LF alone, headers that are none, names with spaces, lengths that are no numbers, a status
 * line that is nearly one. Time and memory are linear in the bytes; a response is all that its connection carries.
 */

export interface ResponseSink {
  readonly onHead: (status: number, headers: Record<string, string | string[]>) => void;
  readonly onData: (bytes: Buffer) => void;
  readonly onEnd: () => void;
}

export interface ResponseReader {
  /** Takes what came; throws for what no browser reads. True when the response is complete. */
  push(bytes: Buffer): boolean;
  /** The connection was closed; throws when something is missing. */
  close(): void;
}

/** Ours: extensions of chunks that anybody sends are shorter. */
const maxChunkLine = 16_384;
/** What may stand before a status line, in bytes, such as a blank line (Chromium's slop). */
const maxBefore = 4;

/** Where the reader is: in the head, or in a body of one of three kinds. */
type State =
  | { readonly in: 'head' }
  | { readonly in: 'rest' }
  | { readonly in: 'length'; left: number }
  | { readonly in: 'size' | 'data' | 'data-end' | 'trailer'; left: number }
  | { readonly in: 'done' };

/** A reader for one response; `maxHeadBytes` is for all its heads, those before the answer (1xx) and trailers included. */
export function openResponseReader({ onHead, onData, onEnd }: ResponseSink, maxHeadBytes: number): ResponseReader {
  let state: State = { in: 'head' };
  let head: Buffer = Buffer.alloc(0);
  let headBytes = 0;
  let line = '';

  const takeHeadBytes = (count: number): void => {
    headBytes += count;
    if (headBytes > maxHeadBytes) throw failure('the head is too large', 'UND_ERR_HEADERS_OVERFLOW');
  };

  /** Takes the head when it is whole; gives back what follows it. */
  const readHead = (bytes: Buffer): Buffer | null => {
    const from = Math.max(0, head.length - 3);
    head = head.length === 0 ? bytes : Buffer.concat([head, bytes]);
    const end = endOfHead(head, from);
    if (end === -1) {
      if (headBytes + head.length > maxHeadBytes) takeHeadBytes(head.length);
      if (!mayBegin(head)) throw broken('no status line');
      return null;
    }
    takeHeadBytes(end);
    const { status, isOld, headers } = parseHead(head.toString('latin1', 0, end));
    const rest = head.subarray(end);
    head = Buffer.alloc(0);
    if (status < 200) return rest;
    onHead(status, headers);
    state = bodyOf(status, isOld, headers);
    return rest;
  };

  /** The next line without its end; null when it is not whole yet. */
  const readLine = (bytes: Buffer, at: number): { readonly text: string; readonly next: number } | null => {
    const end = bytes.indexOf(10, at);
    line += bytes.toString('latin1', at, end === -1 ? bytes.length : end);
    if (line.length > maxChunkLine) throw broken('a line of a chunk is too long');
    if (end === -1) return null;
    const text = line.replace(/\r$/, '');
    line = '';
    return { text, next: end + 1 };
  };

  /** What chunks hold; several small ones are handed on as one. */
  const readChunks = (bytes: Buffer): void => {
    const pieces: Buffer[] = [];
    let at = 0;
    while (at < bytes.length && state.in !== 'done') {
      const chunk = state as { in: 'size' | 'data' | 'data-end' | 'trailer'; left: number };
      if (chunk.in === 'data') {
        const piece = bytes.subarray(at, at + chunk.left);
        pieces.push(piece);
        at += piece.length;
        chunk.left -= piece.length;
        if (chunk.left === 0) chunk.in = 'data-end';
        continue;
      }
      const read = readLine(bytes, at);
      if (read === null) break;
      at = read.next;
      if (chunk.in === 'size') {
        const size = /^0*([0-9a-f]{1,8})[ \t]*(?:;|$)/i.exec(read.text)?.[1];
        if (size === undefined) throw broken('no size of a chunk');
        chunk.left = Number.parseInt(size, 16);
        chunk.in = chunk.left === 0 ? 'trailer' : 'data';
      } else if (chunk.in === 'data-end') {
        if (read.text !== '') throw broken('no end of a chunk');
        chunk.in = 'size';
      } else {
        takeHeadBytes(read.text.length + 2);
        if (read.text === '') state = { in: 'done' };
      }
    }
    if (pieces.length > 0) onData(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  };

  const readBody = (bytes: Buffer): void => {
    if (state.in === 'rest') onData(bytes);
    else if (state.in === 'length') {
      const piece = bytes.subarray(0, state.left);
      state.left -= piece.length;
      onData(piece);
      if (state.left === 0) state = { in: 'done' };
    } else readChunks(bytes);
  };

  return {
    push(bytes) {
      let rest: Buffer | null = bytes;
      while (state.in === 'head' && rest !== null && rest.length > 0) rest = readHead(rest);
      if (state.in !== 'head' && state.in !== 'done' && rest !== null && rest.length > 0) readBody(rest);
      if (state.in !== 'done') return false;
      onEnd();
      return true;
    },
    close() {
      if (state.in === 'rest') onEnd();
      else if (state.in === 'head') throw failure('no answer', 'ECONNRESET');
      else throw failure('the answer broke off', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH');
    },
  };
}

/** What `reasonOf` knows as the error of a parser. */
const broken = (message: string): Error => Object.assign(new Error(message), { name: 'HTTPParserError' });
const failure = (message: string, code: string): Error => Object.assign(new Error(message), { code });

/** The index after the blank line that ends a head; -1 when it is not there. */
function endOfHead(bytes: Buffer, from: number): number {
  const start = Math.max(from, statusLineAt(bytes));
  for (let at = bytes.indexOf(10, start); at !== -1; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return -1;
}

/** Where `HTTP` stands among the first bytes, of any case; 0 when it does not. */
const statusLineAt = (bytes: Buffer): number =>
  Math.max(
    0,
    bytes
      .toString('latin1', 0, maxBefore + 4)
      .toLowerCase()
      .indexOf('http'),
  );

/** Whether a status line has begun, or still may. */
function mayBegin(bytes: Buffer): boolean {
  return (
    bytes.length < maxBefore + 4 ||
    bytes
      .toString('latin1', 0, maxBefore + 4)
      .toLowerCase()
      .includes('http')
  );
}

interface Head {
  readonly status: number;
  /** HTTP/1.0 and before, which have no chunks. */
  readonly isOld: boolean;
  readonly headers: Record<string, string | string[]>;
}

function parseHead(text: string): Head {
  const [first = '', ...lines] = text
    .slice(Math.max(0, /http/i.exec(text.slice(0, maxBefore + 4))?.index ?? 0))
    .split('\n');
  const statusLine = /^http(?:\/(\d+)(?:\.(\d+))?)?[^\s]*\s*(?:(\d{3})(?!\d)|$)/i.exec(first.trimEnd());
  if (statusLine === null || text.includes('\0')) throw broken('no status line');
  const [, major = '1', minor = '0', status = '200'] = statusLine;
  return {
    status: Number(status),
    isOld: Number(major) < 1 || (Number(major) === 1 && Number(minor) < 1),
    headers: headersOf(lines),
  };
}

/** By lower-case name, with a list where a name comes more than once. Lines that are no headers are left out. */
function headersOf(lines: readonly string[]): Record<string, string | string[]> {
  const headers = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of lines) {
    const text = line.replaceAll('\r', ' ').trim();
    if (/^[ \t]/.test(line) && text !== '') {
      if (last !== undefined) last[last.length - 1] = `${last.at(-1)} ${text}`.trim();
      continue;
    }
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(0, colon)).trimEnd().toLowerCase();
    last = undefined;
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) continue;
    last = headers.get(name) ?? [];
    last.push(text.slice(colon + 1).trim());
    headers.set(name, last);
  }
  return Object.fromEntries([...headers].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]));
}

function bodyOf(status: number, isOld: boolean, headers: Head['headers']): State {
  const all = (name: string): string[] => [headers[name] ?? []].flat();
  if (status === 204 || status === 205 || status === 304) return { in: 'done' };
  const codings = all('transfer-encoding').flatMap((value) => value.toLowerCase().split(','));
  if (!isOld && codings.some((coding) => coding.trim() === 'chunked')) return { in: 'size', left: 0 };
  const lengths = new Set(all('content-length'));
  if (lengths.size > 1) throw broken('lengths that differ');
  const [length = ''] = lengths;
  // What is no number says nothing.
  const left = /^\d+$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY;
  if (left > Number.MAX_SAFE_INTEGER) return { in: 'rest' };
  return left === 0 ? { in: 'done' } : { in: 'length', left };
}
