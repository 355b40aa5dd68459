/** What is to be taken down, as somebody wrote it: on the command line or in a list, one a line. Made into what is compared. */
import { readFileSync } from 'node:fs';
import { parse } from 'tldts';
import type { TakedownRequest } from '../ledger/tombstones.ts';
import { hostNameFrom, normaliseUrl } from '../url-key.ts';
import { expected } from '../user-error.ts';

export interface TakedownNames {
  /** URLs of images, or of pages for everything found on them. */
  readonly urls?: readonly string[];
  /** Hosts of images or of pages, with their subdomains: `photos.example`. */
  readonly hosts?: readonly string[];
  /** Hashes of the original bytes. */
  readonly sha256s?: readonly string[];
  readonly md5s?: readonly string[];
  /** Perceptual hashes (64 bits, 16 hexadecimal digits) of pictures. */
  readonly phashes?: readonly string[];
  /** How many bits of a perceptual hash may differ. Default: 0. */
  readonly distance?: number;
}

/** More bits than this and the pictures are others: 64-bit hashes of unrelated ones differ in 32 on average. */
const maxDistance = 12;

/** Makes names into a request. Throws a UserError for what is none, or when nothing is named. */
export function takedownRequest(names: TakedownNames): TakedownRequest {
  const { urls = [], hosts = [], sha256s = [], md5s = [], phashes = [], distance = 0 } = names;
  if (urls.length + hosts.length + sha256s.length + md5s.length + phashes.length === 0) {
    throw expected('a URL, a host or a hash', 'takedown', 'none', 'say what to remove');
  }
  if (!Number.isInteger(distance) || distance < 0 || distance > maxDistance) {
    throw expected(`0 to ${maxDistance} bits`, 'distance', distance, 'more of them are other pictures');
  }
  return {
    urls: unique(urls.map(urlOf)),
    hosts: unique(hosts.map(hostOf)),
    sha256s: unique(sha256s.map((hash) => hexOf(hash, 64, 'sha256'))),
    md5s: unique(md5s.map((hash) => hexOf(hash, 32, 'md5'))),
    like: unique(phashes.map((hash) => hexOf(hash, 16, 'phash'))).map((phash) => ({ phash, distance })),
  };
}

const unique = (values: readonly string[]): string[] => [...new Set(values)];

function urlOf(url: string): string {
  const key = normaliseUrl(url.trim());
  if (key !== null) return key;
  throw expected('a URL', 'url', url, 'write it in full, as in https://example.org/photo.jpg');
}

function hostOf(host: string): string {
  const name = hostNameFrom(host.trim());
  if (name === null) throw expected('a host name', 'host', host, 'write the name alone, as in photos.example');
  if (!isRegistry(name)) return name;
  throw expected('a host or the domain of a site', 'host', host, 'all sites below it would go; name theirs');
}

/** `com`, `co.uk`: a name below which anybody registers theirs (publicsuffix.org, the part of ICANN). */
function isRegistry(name: string): boolean {
  const { publicSuffix, isIcann } = parse(name);
  return publicSuffix === name && isIcann === true;
}

function hexOf(hash: string, digits: number, name: string): string {
  const lower = hash.trim().toLowerCase();
  if (lower.length === digits && /^[0-9a-f]+$/.test(lower)) return lower;
  throw expected(`${digits} hexadecimal digits`, name, hash, 'see a shard’s parquet');
}

/** In a list a word alone is no host: it may be anything. */
const isHost = (name: string): boolean => {
  const host = hostNameFrom(name);
  return host !== null && /[.[]/.test(host) && !isRegistry(host);
};

/** A list has some thousands of lines; one of this size is another file. */
const maxListBytes = 256 << 20;

type ListedNames = Required<Omit<TakedownNames, 'distance'>>;

/** Names in a text, as in a list; `what` is for messages. Throws a UserError for a line that is none. */
export function takedownNamesIn(text: string, what: string): ListedNames {
  const names = { urls: [], hosts: [], sha256s: [], md5s: [], phashes: [] };
  readNames(text, what, names);
  return names;
}

function readNames(text: string, what: string, names: { readonly [Kind in keyof ListedNames]: string[] }): void {
  for (const [at, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const name = line.trim();
    if (name === '' || name.startsWith('#')) continue;
    if (/^https?:\/\//i.test(name)) names.urls.push(name);
    else if (/^[0-9a-f]{64}$/i.test(name)) names.sha256s.push(name);
    else if (/^[0-9a-f]{32}$/i.test(name)) names.md5s.push(name);
    else if (/^[0-9a-f]{16}$/i.test(name)) names.phashes.push(name);
    else if (isHost(name)) names.hosts.push(name);
    else {
      const place = `line ${at + 1} of ${what}`;
      throw expected('a URL, a host or a hash', place, name.slice(0, 200), 'correct that line; nothing was removed');
    }
  }
}

/**
 * Reads lists of what is to be taken down: one a line, a URL, a host, a SHA-256, an MD5 or a perceptual hash, told apart by their form.
 * Empty lines and those that begin with `#` are left out. Throws a UserError that names the line which is none of them.
 */
export function readTakedownLists(files: readonly string[]): ListedNames {
  const names = {
    urls: [] as string[],
    hosts: [] as string[],
    sha256s: [] as string[],
    md5s: [] as string[],
    phashes: [] as string[],
  };
  for (const file of files) {
    const bytes = readFileSync(file);
    if (bytes.length > maxListBytes) throw expected('a list of at most 256 MB', 'list', file, 'cut it into several');
    readNames(bytes.toString('utf8'), file, names);
  }
  return names;
}
