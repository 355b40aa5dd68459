/** How hosts and URLs are named in the tables: by hashes, which need no look-up. */
import { hash } from 'node:crypto';
import type { UrlKind } from '../frontier/schema.ts';

/** Hosts are told apart by name alone, as in frontier.ts: what is spared is the machine behind all its ports. */
export function hostNameIn(url: string): string {
  const end = url.indexOf('/', 8);
  return url.slice(url.indexOf('//') + 2, end === -1 ? undefined : end).replace(/\.?(?::\d+)?$/, '');
}

const ids = new Map<string, string>();
const maxIds = 10_000;

/** 64 bits of the name's SHA-256, as the signed number that PostgreSQL has. */
export function hostIdOf(name: string): string {
  let id = ids.get(name);
  if (id === undefined) {
    id = hash('sha256', name, 'buffer').readBigInt64BE(0).toString();
    if (ids.size >= maxIds) ids.clear();
    ids.set(name, id);
  }
  return id;
}

/** 128 bits of SHA-256 as a UUID. */
export function uuidOf(text: string): string {
  const hex = hash('sha256', text);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Of a URL and what is to be fetched there. */
export const urlHashOf = (kind: UrlKind, url: string): string => uuidOf(`${kind} ${url}`);

/** The folder below `work/` in which a worker keeps pictures: that of no other worker, of this or another store. */
export const partName = (corpusId: string, worker: string): string => `${corpusId.slice(0, 8)}-${worker}`;
