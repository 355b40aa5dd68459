/**
 * Pages from WARC files (Common Crawl and every web archive) through the same extraction as a crawl's: texts and images go
 * into the ledger, images into the queue, and the next crawl downloads them. Rights signals of the archived answer count.
 */
import { createReadStream, existsSync } from 'node:fs';
import { WARCParser } from 'warcio';
import type { Ledger } from '../dataset/ledger.ts';
import { expected } from '../dataset/user-error.ts';
import { decodeText } from './charset.ts';
import { extractPage } from './extract.ts';
import { maxPageBytes, priority } from './fetch-page.ts';
import { Frontier } from './frontier.ts';
import { rightsOf } from './rights.ts';
import { lockCorpus } from './run-lock.ts';
import { normaliseUrl } from './url.ts';

export interface WarcSummary {
  readonly records: number;
  readonly pages: number;
  /** Pages whose rights are reserved. */
  readonly refused: number;
  readonly images: number;
}

/** Reads a local WARC file, gzip or not, into a corpus. Repeating it changes nothing. Throws a UserError when there is no such file. */
export async function importWarc(
  { corpusDir, file }: { readonly corpusDir: string; readonly file: string },
  {
    ledger,
    onProgress,
    signal,
  }: { readonly ledger: Ledger; readonly onProgress?: (summary: WarcSummary) => void; readonly signal?: AbortSignal },
): Promise<WarcSummary> {
  if (!existsSync(file)) throw expected('a file', 'warc', file, 'give a WARC file');
  const unlock = lockCorpus(corpusDir);
  const frontier = Frontier.open(corpusDir);
  const counts = { records: 0, pages: 0, refused: 0, images: 0 };
  try {
    for await (const record of WARCParser.iterRecords(createReadStream(file))) {
      if (signal?.aborted) break;
      counts.records += 1;
      const url = normaliseUrl(record.warcTargetURI ?? '');
      const status = Number(record.httpHeaders?.statusCode);
      const type = header(record, 'content-type');
      if (
        record.warcType !== 'response' ||
        url === null ||
        status !== 200 ||
        !/^(?:text\/html|application\/xhtml)/i.test(type ?? '')
      )
        continue;
      const body = await readBody(record);
      if (body === null) continue;
      const page = extractPage(decodeText(body, type), url);
      const headers = Object.fromEntries(
        ['x-robots-tag', 'tdm-reservation', 'tdm-policy', 'content-usage'].map((name) => [name, header(record, name)]),
      );
      const rights = rightsOf({ headers, meta: page.meta, url, tdmrep: [], robotsUsage: null });
      const found = rights.refused ? [] : page.images;
      ledger.recordPage(
        {
          url,
          status: rights.refused ? 'refused' : 'fetched',
          reason: rights.refused,
          title: page.title,
          text: page.text,
          fetchedAtMs: record.warcDate ? Date.parse(record.warcDate) : Date.now(),
          licenseUrl: page.licenseUrl,
          rights: rights.evidence,
        },
        found,
      );
      frontier.atomically(() => {
        frontier.add(found.map((image) => ({ url: image.url, kind: 'image', depth: 1, priority: priority.image })));
      });
      counts.pages += 1;
      counts.refused += rights.refused ? 1 : 0;
      counts.images += found.length;
      if (counts.pages % 100 === 0) onProgress?.({ ...counts });
    }
    onProgress?.({ ...counts });
    return { ...counts };
  } finally {
    frontier.close();
    unlock();
  }
}

type Archived = Awaited<ReturnType<typeof WARCParser.parse>> & object;

const header = (record: Archived, name: string): string | undefined =>
  record.httpHeaders?.headers.get(name) ?? undefined;

/** The decoded body, or null when it is larger than a page may be or cannot be decoded. */
async function readBody(record: Archived): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  try {
    for await (const chunk of record) {
      byteLength += chunk.byteLength;
      if (byteLength > maxPageBytes) return null;
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  return Buffer.concat(chunks);
}
