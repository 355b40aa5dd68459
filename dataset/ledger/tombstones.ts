/**
 * Tombstones: what is not to be stored any more, and why. What somebody asked for has no cause; what followed from it (the URLs and
 * the bytes of the pictures that were removed) has the request as its cause, so that the request can be undone with all that followed.
 */
import type Database from 'better-sqlite3';
import { hammingDistance } from '../hamming.ts';
import { hostAndParents, hostNameOf, keyOf } from '../url-key.ts';
import { readPagesWhole } from './origins.ts';

/** What is needed of a ledger: it imports this file. */
interface Ledger {
  statement(sql: string): Database.Statement<unknown[]>;
  write<T>(work: () => T): T;
}

/** A picture like this one: the bits of its 64-bit perceptual hash that may differ. */
export interface LikePicture {
  /** 16 hexadecimal digits. */
  readonly phash: string;
  readonly distance: number;
}

/** What somebody asked to have removed: URLs (keys) and hosts of pages or images, hashes of images. All as they are compared. */
export interface TakedownRequest {
  readonly urls: readonly string[];
  readonly hosts: readonly string[];
  readonly sha256s: readonly string[];
  readonly md5s: readonly string[];
  readonly like: readonly LikePicture[];
}

export type TombstoneKind = 'url' | 'host' | 'sha256' | 'md5' | 'phash';

/** Tombstones of a request, by kind and value. */
export const tombstonesOf = ({ urls, hosts, sha256s, md5s, like }: TakedownRequest): [TombstoneKind, string][] => [
  ...urls.map((value): [TombstoneKind, string] => ['url', value]),
  ...hosts.map((value): [TombstoneKind, string] => ['host', value]),
  ...sha256s.map((value): [TombstoneKind, string] => ['sha256', value]),
  ...md5s.map((value): [TombstoneKind, string] => ['md5', value]),
  ...like.map(({ phash, distance }): [TombstoneKind, string] => ['phash', `${phash}/${distance}`]),
];

/** How a request is named as a cause. */
export const causeOf = (kind: TombstoneKind, value: string): string => `${kind} ${value}`;

/** Says that these are not to be stored again; returns how many tombstones are new. */
export function raiseTombstones(ledger: Ledger, request: TakedownRequest, note: string): number {
  const now = Date.now();
  const raise = ledger.statement(
    `INSERT INTO tombstones (kind, value, cause, note, taken_down_at_ms) VALUES (?, ?, '', ?, ?) ON CONFLICT DO NOTHING`,
  );
  return ledger.write(() =>
    tombstonesOf(request).reduce((sum, [kind, value]) => sum + raise.run(kind, value, note, now).changes, 0),
  );
}

/** Adds what follows from requests: `[kind, value, cause]`. */
export function raiseDerived(ledger: Ledger, derived: Iterable<readonly [TombstoneKind, string, string]>): void {
  const now = Date.now();
  const raise = ledger.statement(
    `INSERT INTO tombstones (kind, value, cause, note, taken_down_at_ms) VALUES (?, ?, ?, 'of what was taken down', ?)
     ON CONFLICT DO NOTHING`,
  );
  ledger.write(() => {
    for (const [kind, value, cause] of derived) if (causeOf(kind, value) !== cause) raise.run(kind, value, cause, now);
  });
}

/** Whether something followed from one of these requests, now or before. */
export function hasFollowed(ledger: Ledger, request: TakedownRequest): boolean {
  const found = ledger.statement('SELECT 1 FROM tombstones WHERE cause = ? LIMIT 1');
  return tombstonesOf(request).some(([kind, value]) => found.get(causeOf(kind, value)) !== undefined);
}

/** What was freed by undoing a request. */
export interface Undone {
  /** Tombstones that somebody had asked for. */
  readonly tombstones: number;
  /** Images and pages that may be fetched again. */
  readonly images: readonly string[];
  readonly pages: readonly string[];
}

/** Takes requests back with all that followed from them. What was erased stays erased. */
export function lowerTombstones(ledger: Ledger, request: TakedownRequest): Undone {
  const direct = ledger.statement(`DELETE FROM tombstones WHERE kind = ? AND value = ? AND cause IN ('', 'unknown')`);
  const derived = ledger.statement('DELETE FROM tombstones WHERE cause = ?');
  return ledger.write(() => {
    let tombstones = 0;
    for (const [kind, value] of tombstonesOf(request)) {
      tombstones += Math.min(1, direct.run(kind, value).changes);
      derived.run(causeOf(kind, value));
    }
    // Visited while the takedown stood, a page gave what was left of it; which pages did, nothing says any more.
    if (tombstones > 0) readPagesWhole(ledger);
    const freeOf = (table: 'images' | 'pages'): string[] => {
      const urls = ledger.statement(`SELECT url FROM ${table} WHERE reason = 'taken-down'`).pluck().all() as string[];
      return urls.filter((url) => !isTakenDown(ledger, { url }));
    };
    const images = freeOf('images');
    const pending = ledger.statement(`UPDATE images SET status = 'pending', reason = NULL WHERE url = ?`);
    for (const url of images) pending.run(url);
    return { tombstones, images, pages: freeOf('pages') };
  });
}

/** What is known of a picture or page that is about to be stored. */
export interface Storable {
  readonly url?: string;
  readonly sha256?: string;
  readonly phash?: string;
  /** Called only where somebody asked by MD5. */
  readonly md5?: () => string;
}

/** Whether anything was taken down: of most corpora nothing was, and a crawl asks for every page and picture, several times. */
export const hasTombstones = (ledger: Ledger): boolean =>
  ledger.statement('SELECT 1 FROM tombstones LIMIT 1').get() !== undefined;

/** All by which a takedown names a page or picture without knowing its bytes: its addresses, and its host with those above it. */
export function namesOfUrl(url: string): { readonly urls: readonly string[]; readonly hosts: readonly string[] } {
  if (!URL.canParse(url)) return { urls: [url], hosts: [] };
  return { urls: [url, keyOf(withoutFragment(url))], hosts: hostAndParents(hostNameOf(url)) };
}

/** The URLs and hosts that were taken down, with all that followed. */
export const takenDownAddresses = (ledger: Ledger): readonly (readonly ['url' | 'host', string])[] =>
  ledger.statement(`SELECT kind, value FROM tombstones WHERE kind IN ('url', 'host')`).raw().all() as (readonly [
    'url' | 'host',
    string,
  ])[];

/** Whether a takedown has removed this, by URL, by host, by the bytes' hash or by likeness: then it is not fetched nor stored again. */
export function isTakenDown(ledger: Ledger, { url, sha256, phash, md5 }: Storable): boolean {
  if (!hasTombstones(ledger)) return false;
  const found = ledger.statement(
    `SELECT 1 FROM tombstones WHERE (kind = 'url' AND value IN (SELECT value FROM json_each(@urls)))
       OR (kind = 'sha256' AND value = @sha256) OR (kind = 'host' AND value IN (SELECT value FROM json_each(@hosts))) LIMIT 1`,
  );
  const { urls, hosts } = url === undefined ? { urls: [], hosts: [] } : namesOfUrl(url);
  const known = { urls: JSON.stringify(urls), hosts: JSON.stringify(hosts), sha256: sha256 ?? null };
  if (found.get(known) !== undefined) return true;
  const of = (kind: TombstoneKind): string[] =>
    ledger.statement('SELECT value FROM tombstones WHERE kind = ?').pluck().all(kind) as string[];
  if (phash !== undefined && of('phash').some((value) => isLike(phash, likeOf(value)))) return true;
  if (md5 === undefined) return false;
  const md5s = of('md5');
  return md5s.length > 0 && md5s.includes(md5());
}

/**
 * Says that pictures are not to be stored which a page shows that was taken down before it was read, as a takedown of a page that is known
 * does. What the corpus has of them by other pages stays.
 */
export function refuseShown(ledger: Ledger, pageUrl: string, imageUrls: readonly string[]): void {
  const { urls, hosts } = namesOfUrl(pageUrl);
  const causes = ledger
    .statement(
      `SELECT DISTINCT iif(cause IN ('', 'unknown'), kind || ' ' || value, cause) FROM tombstones
       WHERE (kind = 'url' AND value IN (SELECT value FROM json_each(@urls)))
         OR (kind = 'host' AND value IN (SELECT value FROM json_each(@hosts)))`,
    )
    .pluck()
    .all({ urls: JSON.stringify(urls), hosts: JSON.stringify(hosts) }) as string[];
  const stored = ledger.statement('SELECT 1 FROM images WHERE url = ? AND segment IS NOT NULL');
  const fresh = imageUrls.filter((url) => stored.get(url) === undefined);
  raiseDerived(
    ledger,
    fresh.flatMap((url) => causes.map((cause) => ['url', url, cause] as const)),
  );
}

/** What was taken down from a corpus, for one who brings in pictures from elsewhere. */
export interface TakenDown {
  readonly isTakenDown: (what: Storable) => boolean;
  /** Whether somebody asked by perceptual hash: then every picture is to be asked for by its own. */
  readonly byLooks: boolean;
}

/** What was taken down. A takedown that comes later waits for the lock of the shards, and then looks through them. */
export function takenDownOf(ledger: Ledger): TakenDown {
  const byLooks = ledger.statement(`SELECT 1 FROM tombstones WHERE kind = 'phash' LIMIT 1`).get() !== undefined;
  return { isTakenDown: (what) => isTakenDown(ledger, what), byLooks };
}

/** No key has a fragment but that of a URL which is too long. */
const withoutFragment = (url: string): string => (url.includes('#sha256=') ? url : url.replace(/#.*$/s, ''));

function likeOf(value: string): LikePicture {
  const [phash = '', distance = '0'] = value.split('/');
  return { phash, distance: Number(distance) };
}

export const isLike = (phash: string, { phash: wanted, distance }: LikePicture): boolean =>
  hammingDistance(phash, wanted) <= distance;

/** Gives the requests that a URL, or an image, falls under: none, one or several. */
export function causesFor(request: TakedownRequest): {
  readonly ofUrl: (url: string) => string[];
  readonly ofImage: (image: { readonly sha256?: string | null; readonly phash?: string | null }) => string[];
} {
  const [urls, hosts, sha256s] = [new Set(request.urls), new Set(request.hosts), new Set(request.sha256s)];
  return {
    ofUrl(url) {
      const causes: string[] = [];
      if (!URL.canParse(url)) return urls.has(url) ? [causeOf('url', url)] : causes;
      const key = urls.size > 0 ? keyOf(withoutFragment(new URL(url).href)) : '';
      if (urls.has(key)) causes.push(causeOf('url', key));
      if (hosts.size === 0) return causes;
      for (const host of hostAndParents(hostNameOf(url))) if (hosts.has(host)) causes.push(causeOf('host', host));
      return causes;
    },
    ofImage({ sha256, phash }) {
      const like = phash ? request.like.filter((one) => isLike(phash, one)) : [];
      return [
        ...(sha256 && sha256s.has(sha256) ? [causeOf('sha256', sha256)] : []),
        ...like.map((one) => causeOf('phash', `${one.phash}/${one.distance}`)),
      ];
    },
  };
}
