/**
 * Pages from WARC files (Common Crawl and every web archive) through the same extraction as a crawl's: texts and images go
 * into the ledger, images into the queue, and the next crawl downloads them. Rights signals of the archived answer count.
 * A file may lie on the web: it is then read as it comes and never stored.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { digestOf } from '../../dataset/atomic-file.ts';
import { withCleanup } from '../../dataset/cleanup.ts';
import { makeDurable } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PageRecord } from '../../dataset/ledger/records.ts';
import { expected } from '../../dataset/user-error.ts';
import { addressGuard } from '../fetch/address-guard.ts';
import { download } from '../fetch/download.ts';
import { firstValue } from '../fetch/headers.ts';
import { inlineLicences } from '../fetch/licences.ts';
import { maxPageBytes } from '../fetch/page.ts';
import { openSigner, type Signing } from '../fetch/request-signature.ts';
import { beginArchive } from '../frontier/archives.ts';
import { holdFrontier } from '../frontier/open.ts';
import { type ArchivedPage, openPageBatches } from '../frontier/page-batches.ts';
import { headerReferrerPolicy } from '../policy/referrer.ts';
import { type Headers, rightsOf } from '../policy/rights.ts';
import { userAgentOf } from '../policy/robots.ts';
import { absoluteUrl, keyOf, requestOf } from '../policy/url.ts';
import { inOrder } from '../workers/in-order.ts';
import { type Workers, workersUntil } from '../workers/workers.ts';
import { archivePieces } from './archive-bytes.ts';
import { archivedAnswer } from './archived-answer.ts';
import { type Break, BrokenArchive, tellBreak } from './broken-archive.ts';
import { checkSeeds } from './seeds.ts';
import { type BadRecord, type WarcRecord, warcRecords } from './warc-records.ts';

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
  /** Pages among them whose rights are reserved. */
  readonly refused: number;
  readonly images: number;
  /** What was passed over, how often by reason: records that are none, and pages that cannot be read. */
  readonly unusable: Readonly<Partial<Record<Unusable, number>>>;
  /** Where in the file and why reading ended before its end; null when it did not. What came before counts. */
  readonly broken: { readonly reason: Break; readonly memberOffset: number } | null;
}

/**
 * A page that cannot be decoded or is longer than a page may be, a frame that is longer than memory allows, a bad record, one by which the
 * process died each time, or a page that was visited, or archived, later than that.
 */
type Unusable =
  | BadRecord
  | 'page-unreadable'
  | 'page-too-large'
  | 'too-costly'
  | 'process-died'
  | 'frame-too-large'
  | 'older';

/** Not read, since the import was stopped: the next one reads it. */
type Stopped = 'stopped';

/**
 * Reads a WARC file (plain, gzip or Zstandard) into a corpus. Repeating it changes nothing. A file that is cut or damaged is
 * read as far as it goes, and the summary says where that is. Throws a UserError when there is no such file, or when it breaks off on its way here;
 * what came before is kept.
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
    const frontier = holdFrontier(corpusDir, ledger, defer);
    const archive = beginArchive(frontier.db, source);
    let isWhole = false;
    defer(() => archive.end(isWhole));
    const workers = workersUntil(signal, defer);
    makeDurable(ledger);
    const counts = { records: 0, pages: 0, refused: 0, images: 0 };
    const unusable: Partial<Record<Unusable, number>> = {};
    let broken: WarcSummary['broken'] = null;
    const pass = (what: Unusable): void => {
      unusable[what] = (unusable[what] ?? 0) + 1;
    };
    const batches = openPageBatches(
      { ledger, frontier },
      {
        // Its scripts did not run: it ends nothing but what its rights reserve.
        endOf: ({ status }) => (status === 'refused' ? 'page-refused' : null),
        onCommit({ pages, older }) {
          if (older > 0) unusable.older = (unusable.older ?? 0) + older;
          for (const { page, found } of pages) {
            counts.pages += 1;
            counts.refused += page.status === 'refused' ? 1 : 0;
            counts.images += found.length;
          }
          onProgress?.({ ...counts, unusable, broken });
        },
      },
    );
    try {
      const pieces = archivePieces(bytes, () => pass('frame-too-large'));
      const answers = async function* (): AsyncGenerator<ArchivedPageAnswer | Unusable> {
        for await (const record of warcRecords(pieces, pass)) {
          counts.records += 1;
          const name = nameOf(record, counts.records);
          if (archive.isGivenUp(name)) {
            yield 'process-died';
            continue;
          }
          if (archive.isAlone) archive.open(name);
          const answer = await answerOf(record);
          if (answer !== null) yield answer;
          // Alone, the next one is asked for when this one was read.
          if (archive.isAlone) archive.close(name);
        }
      };
      const read = async (answer: ArchivedPageAnswer | Unusable): Promise<ArchivedPage | Unusable | Stopped> =>
        typeof answer === 'string' ? answer : readAnswer(answer, workers);
      for await (const page of inOrder(answers(), read, archive.isAlone ? 1 : workers.ahead)) {
        if (signal?.aborted || page === 'stopped') break;
        if (typeof page === 'string') pass(page);
        else await batches.add(page);
      }
    } catch (error) {
      if (!(error instanceof BrokenArchive)) throw error;
      broken = { reason: error.reason, memberOffset: error.memberOffset };
    } finally {
      await batches.flush();
    }
    if (counts.records === 0 && !signal?.aborted) {
      const why = broken === null ? 'it has no record' : tellBreak(broken);
      throw expected('a WARC archive', 'warc', source, `${why}; give one as web archives write them`);
    }
    isWhole = !signal?.aborted;
    return { ...counts, unusable, broken };
  });
}

function fileBytes(file: string): AsyncIterable<Uint8Array> {
  if (!existsSync(file)) throw expected('a file', 'warc', file, 'give a WARC file or its URL');
  if (statSync(file).isDirectory()) throw expected('a file', 'warc', `the folder ${file}`, 'name each file in it');
  return createReadStream(file);
}

/** What a record is known by in its archive: also by which one it is, since some have no id, or that of another. */
const nameOf = ({ fields }: WarcRecord, ordinal: number): string => {
  const [id = '', url = ''] = [fields['warc-record-id']?.[0], fields['warc-target-uri']?.[0]];
  return digestOf(`${ordinal} ${id} ${url}`).sha256;
};

/** The answer of a record that is a page. */
interface ArchivedPageAnswer {
  readonly at: string;
  readonly contentType: string | undefined;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Null for a record whose date is none. */
  readonly capturedAtMs: number | null;
}

/** The answer of a record; what is wrong with it; or null when it is none that a crawl would have read as a page. */
async function answerOf({
  type,
  fields,
  blockLength,
  block,
}: WarcRecord): Promise<ArchivedPageAnswer | Unusable | null> {
  const at = absoluteUrl((fields['warc-target-uri']?.[0] ?? '').replace(/^<(.*)>$/, '$1'));
  if (type !== 'response' || at === null) return null;
  const bytes = await block(maxBlockBytes);
  if (bytes === null) return null;
  const answer = archivedAnswer(bytes, maxPageBytes);
  const contentType = firstValue(answer?.headers['content-type']);
  if (answer?.status !== 200 || !/^(?:text\/html|application\/xhtml)/i.test(contentType ?? '')) return null;
  if (blockLength > maxBlockBytes) return 'page-too-large';
  const body = await answer.body();
  if (typeof body === 'string') return body;
  return { at, contentType, headers: answer.headers, body, capturedAtMs: dateOf(fields['warc-date']?.[0]) };
}

/** The page of an answer, or why there is none. */
async function readAnswer(
  { at, contentType, headers, body, capturedAtMs }: ArchivedPageAnswer,
  workers: Workers,
): Promise<ArchivedPage | Unusable | Stopped> {
  const referrerPolicy = headerReferrerPolicy(headers['referrer-policy']);
  const read = await workers.run('page', { bytes: body, contentType, url: at, referrerPolicy });
  if (!read.done) return read.reason;
  const { images, meta, title, text, licenseUrl, rslInline } = read.value;
  const rights = rightsOf({
    headers,
    meta,
    url: at,
    tdmrep: [],
    robotsUsage: [],
    licences: inlineLicences(rslInline),
  });
  const page: PageRecord = {
    url: keyOf(at),
    status: rights.refused ? 'refused' : 'fetched',
    reason: rights.refused,
    title,
    text,
    fetchedAtMs: capturedAtMs ?? Date.now(),
    // One without a date may be older than all that is known.
    readAtMs: capturedAtMs ?? 0,
    licenseUrl,
    rights: rights.evidence,
  };
  return { page, found: rights.refused ? [] : images };
}

/** Bytes of a block as stored; a page is as a rule compressed there, and has headers before it. */
const maxBlockBytes = maxPageBytes + 65_536;

/** Milliseconds since 1970, now at most; null for a date that is none. */
function dateOf(warcDate = ''): number | null {
  const ms = Date.parse(warcDate);
  return Number.isNaN(ms) ? null : Math.min(ms, Date.now());
}
