/** What a server answered, from the block of a WARC record: status, headers, and the body without transfer and content encoding. */
import { decodeBody } from '../fetch/content-encoding.ts';
import type { Headers } from '../policy/rights.ts';
import { endOfHead, fieldsOf } from './warc-records.ts';

export interface ArchivedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: () => Promise<Buffer | 'page-unreadable' | 'page-too-large'>;
}

/** Null for a block that is no answer. */
export function archivedAnswer(block: Buffer, maxBytes: number): ArchivedAnswer | null {
  const head = endOfHead(block);
  if (head === null) return null;
  const text = block.toString('latin1', 0, head.end);
  const status = /^HTTP\/\d(?:\.\d)?[ \t]+(\d{3})\b/i.exec(text);
  if (status === null) return null;
  const headers: Headers = Object.fromEntries(
    Object.entries(fieldsOf(text)).map(([name, values]) => [name, values.length === 1 ? values[0] : [...values]]),
  );
  const rest = block.subarray(head.next);
  const body = async (): Promise<Buffer | 'page-unreadable' | 'page-too-large'> => {
    const plain = /\bchunked\b/i.test(String(headers['transfer-encoding'])) ? withoutChunks(rest) : rest;
    try {
      const decoded = await decodeBody(plain, headers['content-encoding'], maxBytes);
      return decoded.length > maxBytes ? 'page-too-large' : decoded;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return 'page-too-large';
      // Some archives have bodies that were decoded and headers that still speak of the encoding.
      const isText = /^[\s\ufeff]*</.test(plain.toString('utf8', 0, 100));
      return isText && plain.length <= maxBytes ? plain : 'page-unreadable';
    }
  };
  return { status: Number(status[1]), headers, body };
}

/** RFC 9112 §7.1. Many archives have bodies without chunks whose header still speaks of them; what is cut gives what is there. */
function withoutChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const line = /^([0-9a-f]{1,8})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n/i.exec(bytes.toString('latin1', at, at + 4200));
    if (line === null) return parts.length === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(at)]);
    const size = Number.parseInt(line[1]!, 16);
    if (size === 0) break;
    at += line[0].length;
    parts.push(bytes.subarray(at, at + size));
    at += size;
    if (bytes[at] === 13) at += 1;
    if (bytes[at] === 10) at += 1;
  }
  return Buffer.concat(parts);
}
