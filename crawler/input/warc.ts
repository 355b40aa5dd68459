/**
 * Pages from WARC files (Common Crawl and every web archive) through the same extraction as a crawl's: texts and images go
 * into the ledger, images into the queue, and the next crawl downloads them. Rights signals of the archived answer count.
 * A file may lie on the web: it is then read as it comes and never stored.
 */
import { createReadStream, existsSync } from 'node:fs';
import { WARCParser } from 'warcio';
import { withCleanup } from '../../dataset/cleanup.ts';
import { atomically, makeDurable } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PageRecord } from '../../dataset/ledger/records.ts';
import { expected } from '../../dataset/user-error.ts';
import { addressGuard } from '../fetch/address-guard.ts';
import { download } from '../fetch/download.ts';
import { maxPageBytes } from '../fetch/page.ts';
import { openSigner, type Signing } from '../fetch/request-signature.ts';
import { Frontier } from '../frontier/frontier.ts';
import { lockCorpus } from '../frontier/run-lock.ts';
import { decodeText } from '../page/charset.ts';
import { extractPage, type PageImage } from '../page/extract.ts';
import { priority } from '../policy/priority.ts';
import { rightsOf } from '../policy/rights.ts';
import { userAgentOf } from '../policy/robots.ts';
import { absoluteUrl, keyOf, requestOf } from '../policy/url.ts';
import { checkSeeds } from './seeds.ts';

export interface WarcOptions {
  readonly corpusDir: string;
  /** A path, or an http or https URL. */
  readonly source: string;
  /** As a crawl's: needed for a URL that is not on this machine. */
  readonly contact?: string | undefined;
  readonly allowPrivate?: boolean;
  /** Signs the requests for a URL. */
  readonly signing?: Signing | undefined;
  /** Bytes taken of a URL at most. */
  readonly maxBytes?: number;
}

export interface WarcSummary {
  readonly records: number;
  readonly pages: number;
  /** Pages whose rights are reserved. */
  readonly refused: number;
  readonly images: number;
}

/** Pages are committed together: so many cost one sync of the disk. */
const batchPages = 50;

/**
 * Reads a WARC file, gzip or not, into a corpus. Repeating it changes nothing. Throws a UserError when there is no such
 * file, or when it breaks off on the way; what came before is kept.
 */
export async function importWarc(
  { corpusDir, source, contact, allowPrivate = false, signing, maxBytes }: WarcOptions,
  {
    ledger,
    onProgress,
    signal,
  }: { readonly ledger: Ledger; readonly onProgress?: (summary: WarcSummary) => void; readonly signal?: AbortSignal },
): Promise<WarcSummary> {
  const bytes = /^https?:\/\//i.test(source)
    ? download(requestOf(checkSeeds({ seeds: [source], allowPrivate, ...(contact ? { contact } : {}) })[0]!), {
        guard: addressGuard({ allowPrivate, onlyLoopback: !contact }),
        userAgent: userAgentOf(contact),
        sign: signing && openSigner(signing),
        signal,
        ...(maxBytes === undefined ? {} : { maxBytes }),
      })
    : fileBytes(source);
  return withCleanup(async (defer) => {
    defer(lockCorpus(corpusDir));
    const frontier = Frontier.open(corpusDir);
    defer(() => frontier.close());
    makeDurable(ledger);
    const counts = { records: 0, pages: 0, refused: 0, images: 0 };
    let batch: ArchivedPage[] = [];
    const flush = (): void => {
      atomically(ledger, () => {
        for (const { page, found } of batch) ledger.recordPage(page, found);
      });
      frontier.atomically(() => {
        const found = batch.flatMap((one) => one.found);
        frontier.add(
          found.map(({ texts: _, ...address }) => ({ ...address, kind: 'image', depth: 1, priority: priority.image })),
        );
      });
      for (const { page, found } of batch) {
        counts.pages += 1;
        counts.refused += page.status === 'refused' ? 1 : 0;
        counts.images += found.length;
      }
      batch = [];
      onProgress?.({ ...counts });
    };
    try {
      for await (const record of WARCParser.iterRecords(bytes)) {
        if (signal?.aborted) break;
        if (record.warcType === null) break;
        counts.records += 1;
        const read = await readRecord(record);
        if (read) batch.push(read);
        if (batch.length >= batchPages) flush();
      }
    } finally {
      flush();
    }
    if (counts.records === 0 && !signal?.aborted) {
      throw expected('a WARC archive', 'warc', source, 'it has no record; give one as web archives write them');
    }
    return { ...counts };
  });
}

function fileBytes(file: string): AsyncIterable<Uint8Array> {
  if (!existsSync(file)) throw expected('a file', 'warc', file, 'give a WARC file or its URL');
  return createReadStream(file);
}

interface ArchivedPage {
  readonly page: PageRecord;
  readonly found: readonly PageImage[];
}

/** The page of a record, or null when it is none that a crawl would have read. */
async function readRecord(record: Archived): Promise<ArchivedPage | null> {
  const at = absoluteUrl(record.warcTargetURI ?? '');
  const type = header(record, 'content-type');
  if (record.warcType !== 'response' || at === null || Number(record.httpHeaders?.statusCode) !== 200) return null;
  if (!/^(?:text\/html|application\/xhtml)/i.test(type ?? '')) return null;
  const body = await readBody(record);
  if (body === null) return null;
  const { images, meta, title, text, licenseUrl } = extractPage(decodeText(body, type, new URL(at).hostname), at);
  const headers = Object.fromEntries(
    ['x-robots-tag', 'tdm-reservation', 'tdm-policy', 'content-usage', 'content-signal'].map((name) => [
      name,
      header(record, name),
    ]),
  );
  const rights = rightsOf({ headers, meta, url: at, tdmrep: [], robotsUsage: [] });
  const page: PageRecord = {
    url: keyOf(at),
    status: rights.refused ? 'refused' : 'fetched',
    reason: rights.refused,
    title,
    text,
    fetchedAtMs: record.warcDate ? Date.parse(record.warcDate) : Date.now(),
    licenseUrl,
    rights: rights.evidence,
  };
  return { page, found: rights.refused ? [] : images };
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
