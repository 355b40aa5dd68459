/**
 * Sets that are lists of URLs, to be downloaded by the crawler: Conceptual Captions (CC3M `caption<TAB>url`, CC12M
 * `url<TAB>caption`; the URL's column is recognised) and SBU (JSON with `image_urls` and `captions`, or `image_url`s). The list
 * is written as JSON lines of `url` and `caption`, which lose nothing of a caption.
 */
import { createReadStream } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { AtomicFile } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
import { textLines } from '../text-lines.ts';
import { expected } from '../user-error.ts';
import { readJson } from './coco.ts';

export interface UrlListSummary {
  /** Path of the list. */
  readonly urls: string;
  readonly rows: number;
  /** Lines without a URL or a caption, or longer than a megabyte. */
  readonly badRows: number;
}

const sbuFile = z.object({ image_urls: z.array(z.string()), captions: z.array(z.string()) });

/** Writes `outFile` from a `.tsv` (Conceptual Captions) or `.json` (SBU) list. */
export async function importUrlList(
  options: { readonly list: string; readonly outFile: string },
  { onProgress, signal }: { onProgress?: (rows: number) => void; signal?: AbortSignal } = {},
): Promise<UrlListSummary> {
  const { list, outFile } = options;
  makeFolder(dirname(outFile));
  const out = new AtomicFile(outFile);
  let rows = 0;
  let badRows = 0;
  let lines: string[] = [];
  const flush = () => {
    out.write([Buffer.from(lines.join(''))]);
    lines = [];
  };
  try {
    for await (const row of list.endsWith('.json') ? sbuRows(list) : tsvRows(list)) {
      signal?.throwIfAborted();
      if (row === null) {
        badRows += 1;
        continue;
      }
      lines.push(`${JSON.stringify({ url: row.url, caption: row.caption })}\n`);
      rows += 1;
      if (lines.length === 1000) flush();
      if (rows % 10_000 === 0) onProgress?.(rows);
    }
    if (rows === 0) throw expected('lines with a URL and a caption', list, 'none', 'name a TSV or SBU’s JSON');
    flush();
  } catch (error) {
    out.abandon();
    throw error;
  }
  out.commit();
  return { urls: outFile, rows, badRows };
}

interface Row {
  readonly url: string;
  readonly caption: string;
}

const isWebUrl = (text: string) => /^https?:\/\/\S+$/.test(text);

function rowOf(url: string, caption: string): Row | null {
  const text = caption.replace(/\s+/g, ' ').trim();
  return isWebUrl(url.trim()) && text !== '' ? { url: url.trim(), caption: text } : null;
}

/** Ours: a URL has 2,048 characters at most, and a caption 20,000. */
const maxLineBytes = 1_000_000;

async function* tsvRows(list: string): AsyncGenerator<Row | null> {
  for await (const line of textLines(createReadStream(list), maxLineBytes)) {
    if (line === null) {
      yield null;
      continue;
    }
    if (line === '') continue;
    const [first = '', second = ''] = line.split('\t');
    yield isWebUrl(first.trim()) ? rowOf(first, second) : rowOf(second, first);
  }
}

function* sbuRows(list: string): Generator<Row | null> {
  const parsed = sbuFile.safeParse(readJson(list));
  if (!parsed.success) throw expected('image_urls and captions', list, 'another form', 'name SBU’s JSON file');
  const { image_urls, captions } = parsed.data;
  for (const [i, url] of image_urls.entries()) yield rowOf(url, captions[i] ?? '');
}
