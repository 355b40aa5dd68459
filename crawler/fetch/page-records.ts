/**
 * A fetched page as records of a web archive (WARC 1.1, ISO 28500:2017), one gzip member each: the server's answer
 * (`response`, its body decoded, so without the headers that spoke of its encoding), and what a browser made of it
 * (`conversion`) where it was rendered. The way back is `readPageRecords`.
 */
import { WARCParser, WARCRecord, WARCSerializer } from 'warcio';
import { decodeText } from '../page/charset.ts';
import type { Headers } from '../policy/rights.ts';
import type { Fetched } from './fetch.ts';
import { firstValue } from './headers.ts';

/** Headers that are true of the answer as it was sent, not of the decoded body. */
const ofTransfer = new Set(['content-encoding', 'transfer-encoding', 'content-length', 'connection', 'keep-alive']);

/** The records of one page, ready to be appended to a WARC file. */
export async function pageRecords(
  { url, status, headers, body }: Fetched,
  rendered: string | undefined,
  fetchedAtMs: number,
): Promise<Buffer> {
  const date = new Date(fetchedAtMs).toISOString();
  const warcVersion = 'WARC/1.1';
  const response = WARCRecord.create(
    { url, date, type: 'response', warcVersion, statusline: `HTTP/1.1 ${status} OK`, httpHeaders: kept(headers, body) },
    [body],
  );
  const records = [await WARCSerializer.serialize(response, { gzip: true })];
  if (rendered !== undefined) {
    const refersTo = response.warcHeader('WARC-Record-ID') ?? '';
    const warcHeaders = { 'WARC-Refers-To': refersTo, 'Content-Type': 'text/html; charset=utf-8' };
    const conversion = WARCRecord.create({ url, date, type: 'conversion', warcVersion, warcHeaders }, [
      Buffer.from(rendered),
    ]);
    records.push(await WARCSerializer.serialize(conversion, { gzip: true }));
  }
  return Buffer.concat(records);
}

function kept(headers: Headers, body: Buffer): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || ofTransfer.has(name) ? [] : [[name, [value].flat().join(', ')] as const],
  );
  return { ...Object.fromEntries(entries), 'content-length': String(body.byteLength) };
}

/** A page as its records have it: the text that was read, after its scripts where they ran. */
export interface RecordedPage {
  readonly url: string;
  readonly html: string;
  readonly headers: Headers;
  /** In ms since 1970. */
  readonly readAtMs: number;
}

/** Reads back what `pageRecords` wrote; null when there is no answer among the records. */
export async function readPageRecords(records: Uint8Array): Promise<RecordedPage | null> {
  let page: RecordedPage | null = null;
  for await (const record of WARCParser.iterRecords([records])) {
    const body = Buffer.from(await record.readFully(true));
    if (record.warcType === 'response') {
      const headers = Object.fromEntries(record.httpHeaders?.headers ?? []) as Headers;
      const url = record.warcTargetURI ?? '';
      const html = decodeText(body, firstValue(headers['content-type']), new URL(url).hostname);
      page = { url, html, headers, readAtMs: Date.parse(record.warcDate ?? '') || 0 };
    }
    if (record.warcType === 'conversion' && page !== null) page = { ...page, html: body.toString('utf8') };
  }
  return page;
}
