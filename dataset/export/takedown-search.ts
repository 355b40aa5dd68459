/**
 * Looks through what a takedown has left, by what stands in the files and not by what the ledger says of them: a picture that a killed
 * crawl stored and no row names is found here too. What is found in `raw/` and `pages/` is erased at once.
 */
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipMembers } from '../ledger/gzip-members.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openPageStore } from '../ledger/page-store.ts';
import { openRawStore, rawMembers, segmentName, segments } from '../ledger/raw-store.ts';
import { countGone } from '../ledger/vector-store.ts';
import { findInShards } from '../shards/find-in-shards.ts';
import type { IsRemoved } from './takedown-shards.ts';

/** Erases every member of `raw/` that is named by one of these hashes, and returns how many bytes those had. */
export function eraseFromRaw(corpusDir: string, sha256s: { readonly has: (sha256: string) => boolean }): number {
  const raw = openRawStore(corpusDir);
  let bytes = 0;
  try {
    for (const { segment, offset, byteLength } of rawPlaces(corpusDir, sha256s)) {
      raw.erase({ segment, offset, byteLength });
      bytes += byteLength;
    }
  } finally {
    raw.close();
  }
  return bytes;
}

/** Where members with these hashes lie. */
function* rawPlaces(corpusDir: string, sha256s: { readonly has: (sha256: string) => boolean }) {
  const folder = join(corpusDir, 'raw');
  for (const segment of segments(folder)) {
    const fd = openSync(join(folder, segmentName(segment)), 'r');
    try {
      for (const { name, offset, byteLength } of rawMembers(fd)) {
        if (sha256s.has(name.slice(0, 64))) yield { segment, offset, byteLength };
      }
    } finally {
      closeSync(fd);
    }
  }
}

/** Erases every record of `pages/` whose URL is asked for, and returns how many those were. Reads every record. */
export function eraseFromPages(corpusDir: string, isWanted: (url: string) => boolean): number {
  const store = openPageStore(corpusDir);
  let erased = 0;
  try {
    for (const { segment, offset, byteLength } of pagePlaces(corpusDir, isWanted)) {
      store.erase({ segment, offset, byteLength });
      erased += 1;
    }
  } finally {
    store.close();
  }
  return erased;
}

function* pagePlaces(corpusDir: string, isWanted: (url: string) => boolean) {
  const folder = join(corpusDir, 'pages');
  for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const segment = /^(\d{6,})\.warc\.gz$/.exec(name)?.[1];
    if (segment === undefined) continue;
    for (const { offset, byteLength, content } of gzipMembers(join(folder, name))) {
      const head = content.toString('latin1', 0, 8192);
      const url = /^WARC-Target-URI: *<?([^\r\n>]+)/im.exec(head)?.[1];
      if (url !== undefined && isWanted(url)) yield { segment: Number(segment), offset, byteLength };
    }
  }
}

/** What is still there, each by its place: `raw/`, `pages/`, vectors, and rows of the tables of these folders. */
export async function whatIsLeft(
  ledger: Ledger,
  corpusDir: string,
  folders: readonly string[],
  {
    sha256s,
    isPage,
    isRemoved,
  }: {
    readonly sha256s: { readonly has: (sha256: string) => boolean };
    readonly isPage: (url: string) => boolean;
    readonly isRemoved: IsRemoved;
  },
): Promise<string[]> {
  const left: string[] = [];
  for (const { segment, offset } of rawPlaces(corpusDir, sha256s)) left.push(`raw, segment ${segment}, byte ${offset}`);
  for (const { segment, offset } of pagePlaces(corpusDir, isPage))
    left.push(`pages, segment ${segment}, byte ${offset}`);
  const vectors = countGone(corpusDir, ledger);
  if (vectors > 0) left.push(`vectors.db: ${vectors} vectors of what the ledger does not have`);
  for (const folder of folders) {
    const onDamaged = (shard: string) =>
      void left.push(`${join(folder, shard)}: its table cannot be read, and nothing tells what it holds`);
    for (const { split, name, rows } of await findInShards(folder, isRemoved, { onDamaged })) {
      left.push(`${join(folder, split, name)}: ${rows.length} rows`);
    }
  }
  return left;
}
