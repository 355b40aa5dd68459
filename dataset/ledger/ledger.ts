/**
 * The ledger: what became of every page, image and pair of a corpus. One SQLite file (WAL), written by the crawler
 * (pages, images, pairs) and by the filters (verdicts, scores), read by the export. A pair keeps the first rule that
 * dropped it; a score is kept whether the pair passed or not, so a moved threshold needs no new crawl and no new scoring.
 * Every write is one transaction and may be repeated: recording the same page twice changes nothing.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { CorpusBusy, inTurn, type Waiting } from '../corpus-lock.ts';
import { makeFolder } from '../make-folder.ts';
import { openDatabase } from '../open-database.ts';
import { samePlace } from '../same-place.ts';
import { UserError } from '../user-error.ts';
import { DatabaseBusy, isBusy } from './database-busy.ts';
import { refuseLostLedger } from './lost-ledger.ts';
import { migrate, newestVersion } from './migrations.ts';
import { endOtherPairs, givePairs, type PairEnd } from './origins.ts';
import { forgetOtherPlaces, recordPlace, setPlace } from './places.ts';
import {
  type FoundImage,
  type ImageRecord,
  type PageRecord,
  type Resized,
  resizedFrom,
  type StoredImage,
} from './records.ts';
import { hasTombstones, isTakenDown, refuseShown, type Storable } from './tombstones.ts';

/** How long a writer waits for another where it can do nothing else: meanwhile this process hears no signal. */
const busyTimeoutMs = 5_000;
/** The same, for one who comes again. */
const momentMs = 100;
const maxReaderMs = 600_000;
/** 64 MiB: scores and images are looked up by hash, in no order. */
const cacheSize = -65_536;

/** Where the ledger of a corpus that was crawled before lies. Throws a UserError where there is none. */
function existingPath(corpusDir: string): string {
  const path = join(corpusDir, 'ledger.db');
  refuseLostLedger(corpusDir);
  if (existsSync(path)) return path;
  throw new UserError(`Expected a crawled corpus at ${path} but there is none; run \`lait crawl\` first.`);
}

/** A row of a page or an image, and whether it was made just now. */
interface Row {
  readonly id: number;
  readonly isNew: boolean;
}

export class Ledger {
  readonly db: Database.Database;
  readonly #waiting: Waiting;
  /** Throws a UserError where the file is in no corpus any more; every write does. */
  readonly checkPlace: () => void;
  readonly #statements = new Map<string, Database.Statement>();

  private constructor(db: Database.Database, waiting: Waiting) {
    this.db = db;
    this.#waiting = waiting;
    this.checkPlace = samePlace(db.name);
  }

  /**
   * Opens or creates `ledger.db` in a corpus directory; `waiting` says how its writers wait for those of other processes. Throws a UserError
   * when a newer version of lait wrote it, or when it was lost.
   */
  static open(corpusDir: string, waiting: Waiting = {}): Ledger {
    refuseLostLedger(corpusDir);
    makeFolder(corpusDir);
    const path = join(corpusDir, 'ledger.db');
    try {
      return openDatabase(path, { timeout: busyTimeoutMs }, (db) => {
        db.pragma('journal_mode = WAL');
        db.pragma('synchronous = NORMAL');
        db.pragma(`cache_size = ${cacheSize}`);
        migrate(db, path);
        return new Ledger(db, waiting);
      });
    } catch (error) {
      throw isBusy(error) ? new DatabaseBusy(path) : error;
    }
  }

  /** Opens the ledger of a corpus that was crawled before. Throws a UserError where there is none. */
  static openExisting(corpusDir: string, waiting: Waiting = {}): Ledger {
    existingPath(corpusDir);
    return Ledger.open(corpusDir, waiting);
  }

  /**
   * Opens the ledger of a corpus for reading only: whatever is asked of it, SQLite refuses to write. Others may write meanwhile, and
   * what they have committed is seen by the next query. Throws a UserError where there is none, and where another version of lait wrote it.
   */
  static openReadOnly(corpusDir: string): Ledger {
    const path = existingPath(corpusDir);
    const db = new Database(path, { timeout: busyTimeoutMs, readonly: true });
    db.pragma(`cache_size = ${cacheSize}`);
    const version = db.pragma('user_version', { simple: true }) as number;
    if (version === newestVersion) return new Ledger(db, {});
    db.close();
    const advice =
      version > newestVersion ? 'update lait' : 'run `lait filter` or `lait view --edit` once, which bring it there';
    throw new UserError(
      `Expected ledger version ${newestVersion} for ${path} but received ${version}; ${advice}, or use another corpus.`,
    );
  }

  /** From now until it is closed, this ledger reads what is in the file now, whatever others write meanwhile. */
  holdSnapshot(): void {
    this.db.exec('BEGIN');
  }

  close(): void {
    this.db.close();
  }

  /**
   * Runs reads and writes as one transaction; what it throws undoes all of them. It takes the lock of writers at its beginning and
   * waits for it: a transaction that reads first and then finds that another process has written fails at once, however long it
   * would wait (SQLITE_BUSY_SNAPSHOT). Within another one it is a part of that: a savepoint would have every page of the file that
   * it changes written to a journal of its own, for an undoing that nobody asks for. Throws a DatabaseBusy where another process writes for
   * longer than some seconds: who can wait for it calls `writeWhenFree`.
   */
  write<T>(work: () => T): T {
    if (this.db.inTransaction) return work();
    const written = this.#writeWithin(busyTimeoutMs, work);
    if (written === null) throw new DatabaseBusy(this.db.name);
    return written.result;
  }

  /**
   * The same, once no other process writes, however long that takes: the corpus rules of `lait filter` write in one transaction, which of
   * millions of pairs takes minutes. Signals are heard meanwhile. Throws the reason of the ledger's signal where that ends the wait.
   */
  async writeWhenFree<T>(work: () => T): Promise<T> {
    return inTurn(() => {
      const written = this.tryWrite(work);
      if (written === null) throw new DatabaseBusy(this.db.name);
      return written.result;
    }, this.#waiting);
  }

  /** The same for work in turns. Nobody else may use this ledger until it is done. */
  async writeInTurns<T>(work: () => Promise<T>): Promise<T> {
    await inTurn(() => this.#begin(), this.#waiting);
    try {
      const result = await work();
      this.db.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite itself undoes it when the disk is full.
      if (this.db.inTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * The same as `write`, but for one who can do something else meanwhile: null when another process is writing for longer than a moment. Then
   * nothing was run.
   */
  tryWrite<T>(work: () => T): { readonly result: T } | null {
    return this.db.inTransaction ? { result: work() } : this.#writeWithin(momentMs, work);
  }

  #writeWithin<T>(timeoutMs: number, work: () => T): { readonly result: T } | null {
    let isBegun = false;
    this.checkPlace();
    this.db.pragma(`busy_timeout = ${timeoutMs}`);
    try {
      const begun = (): T => {
        isBegun = true;
        return work();
      };
      return { result: this.db.transaction(begun).immediate() };
    } catch (error) {
      if (isBegun || !isBusy(error)) throw error;
      return null;
    } finally {
      this.db.pragma(`busy_timeout = ${busyTimeoutMs}`);
    }
  }

  #begin(): void {
    this.checkPlace();
    this.db.pragma(`busy_timeout = ${momentMs}`);
    try {
      this.db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      throw isBusy(error) ? new DatabaseBusy(this.db.name) : error;
    } finally {
      this.db.pragma(`busy_timeout = ${busyTimeoutMs}`);
    }
  }

  /** Tells who waits of the process that writes now. */
  tellBusy(): void {
    this.#waiting.onWait?.(new DatabaseBusy(this.db.name));
  }

  /**
   * Writes what the write-ahead log has into the file and cuts the log to nothing: waits for who reads what is older, for some minutes; then
   * the log stays until a later one.
   */
  async emptyLog(): Promise<void> {
    const endsAtMs = performance.now() + maxReaderMs;
    await inTurn(() => {
      this.db.pragma(`busy_timeout = ${momentMs}`);
      try {
        const [{ busy }] = this.db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }];
        if (busy > 0 && performance.now() < endsAtMs) {
          throw new CorpusBusy(`${this.db.name} is in use by another program; wait for it to end.`, this.db.name);
        }
      } finally {
        this.db.pragma(`busy_timeout = ${busyTimeoutMs}`);
      }
    }, this.#waiting);
  }

  /** A statement that is compiled once for each SQL text. Not for text that is put together from values. */
  statement(sql: string): Database.Statement<unknown[]> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /**
   * Records a page and the images found on it, in one transaction. A pair that another page gave already keeps the
   * better source, then the page whose URL sorts first, so that the result does not depend on the order of the crawl.
   * With `others`, these are all that the page gives: pairs that it gave before end for this reason, unless another page
   * still gives them. What was taken down does not come back: neither an image by its URL or host nor anything from
   * such a page, of which no picture is stored any more. Returns false, and writes nothing, for what was read before something later that is
   * known of the page.
   */
  recordPage(page: PageRecord, images: readonly FoundImage[] = [], others: PairEnd | null = null): boolean {
    return this.write(() => {
      const isAnyTakenDown = hasTombstones(this);
      const isRefused = isAnyTakenDown && this.isTakenDown({ url: page.url });
      if (!isRefused && this.#isOlder(page)) return false;
      const { id, isNew: isNewPage } = this.#upsertPage(isRefused ? takenDownPage(page) : page, others !== null);
      if (isRefused)
        refuseShown(
          this,
          page.url,
          images.map(({ url }) => url),
        );
      const given = new Set<string>();
      const shown = new Set<number>();
      for (const image of images) {
        if (isRefused || (isAnyTakenDown && this.isTakenDown({ url: image.url }))) continue;
        const { id: imageId, isNew } = this.#imageId(image.url);
        shown.add(imageId);
        for (const pair of givePairs(this, { id, url: page.url }, imageId, image)) given.add(pair);
        if (isNew && image.dominance !== undefined) setPlace(this, imageId, id, image.dominance);
        else if (image.dominance !== undefined || others !== null) recordPlace(this, imageId, id, image.dominance);
      }
      // A new page gave nothing before.
      if (others === null || isNewPage) return true;
      forgetOtherPlaces(this, id, shown);
      endOtherPairs(this, id, given, others, page.fetchedAtMs);
      return true;
    });
  }

  /** Whether a later reading is known than one that is not of now, or a later visit that found the page unchanged. */
  #isOlder({ url, readAtMs = null, fetchedAtMs }: PageRecord): boolean {
    if (readAtMs === null) return false;
    const later = this.statement(
      `SELECT 1 FROM pages WHERE url = ? AND (read_at_ms > ? OR (status = 'unchanged' AND fetched_at_ms > ?))`,
    );
    return later.get(url, readAtMs, fetchedAtMs) !== undefined;
  }

  /**
   * A visit that did not come to the page (refused, failed) says nothing about what stands there: what an earlier one found
   * stays, whoever found it. Only a takedown takes it away. `isCertain`: it says all that stands there, be it nothing. When that was last so,
   * or the page was read otherwise, is `read_at_ms`, which other visits do not move; `has_origins` says whether it was so then.
   */
  #upsertPage(page: PageRecord, isCertain: boolean): Row {
    const readAtMs = page.readAtMs ?? (isCertain || page.status === 'fetched' ? page.fetchedAtMs : null);
    if (page.title === undefined && (page.status === 'failed' || page.status === 'refused')) {
      const known = this.#markPage(page, readAtMs);
      if (known !== null) return { id: known, isNew: false };
    }
    const values = {
      url: page.url,
      status: page.status,
      reason: page.reason ?? null,
      title: page.title ?? '',
      text: page.text ?? '',
      fetchedAtMs: page.fetchedAtMs,
      etag: page.etag ?? null,
      lastModified: page.lastModified ?? null,
      rendered: page.rendered ? 1 : 0,
      licenseUrl: page.licenseUrl ?? null,
      rights: page.rights ? JSON.stringify(page.rights) : null,
      hasOrigins: isCertain ? 1 : 0,
      readAtMs,
    };
    const inserted = this.statement(
      `INSERT INTO pages (url, status, reason, title, text, fetched_at_ms, etag, last_modified, rendered, license_url, rights,
           has_origins, read_at_ms)
         VALUES (@url, @status, @reason, @title, @text, @fetchedAtMs, @etag, @lastModified, @rendered, @licenseUrl, @rights,
           @hasOrigins, @readAtMs)
         ON CONFLICT (url) DO NOTHING`,
    ).run(values);
    if (inserted.changes > 0) return { id: Number(inserted.lastInsertRowid), isNew: true };
    const { id } = this.statement(
      `UPDATE pages SET status = @status, reason = @reason, title = @title, text = @text, fetched_at_ms = @fetchedAtMs,
           etag = @etag, last_modified = @lastModified, rendered = @rendered, license_url = @licenseUrl, rights = @rights,
           has_origins = iif(@readAtMs IS NULL OR @readAtMs IS read_at_ms, has_origins, @hasOrigins),
           read_at_ms = coalesce(@readAtMs, read_at_ms)
         WHERE url = @url RETURNING id`,
    ).get(values) as { id: number };
    return { id, isNew: false };
  }

  /** Gives a page that was read before another status and reason, and returns its id; null when there is none. */
  #markPage({ url, status, reason = null, fetchedAtMs }: PageRecord, readAtMs: number | null): number | null {
    if (reason === 'taken-down') return null;
    const row = this.statement(
      `UPDATE pages SET status = ?, reason = ?, fetched_at_ms = ?, read_at_ms = coalesce(?, read_at_ms) WHERE url = ?
         RETURNING id`,
    ).get(status, reason, fetchedAtMs, readAtMs, url) as { id: number } | undefined;
    return row?.id ?? null;
  }

  #imageId(url: string): Row {
    const insert = this.statement(
      `INSERT INTO images (url, status) VALUES (?, 'pending') ON CONFLICT (url) DO NOTHING`,
    );
    const inserted = insert.run(url);
    if (inserted.changes > 0) return { id: Number(inserted.lastInsertRowid), isNew: true };
    const { id } = this.statement('SELECT id FROM images WHERE url = ?').get(url) as { id: number };
    return { id, isNew: false };
  }

  /** See `isTakenDown` in tombstones.ts. */
  isTakenDown(what: Storable): boolean {
    return isTakenDown(this, what);
  }

  /**
   * Where this picture lies already, so that the same one under two URLs is stored once; null when it is new. One that was made smaller
   * serves only who would make the same of it.
   */
  storedAt(
    sha256: string,
    wanted: Pick<Resized, 'sidePx' | 'quality'> | null = null,
  ): Pick<StoredImage, 'segment' | 'offset' | 'byteLength' | 'resized'> | null {
    const rows = this.statement(
      `SELECT segment, offset, byte_length AS byteLength, resized FROM images WHERE sha256 = @sha256 AND segment IS NOT NULL
       UNION SELECT segment, offset, byte_length, resized FROM replaced_images WHERE sha256 = @sha256`,
    ).all({ sha256 }) as ({ resized: string | null } & Pick<StoredImage, 'segment' | 'offset' | 'byteLength'>)[];
    const places = rows.map((row) => ({ ...row, resized: resizedFrom(row.resized) }));
    const isSame = ({ resized }: { readonly resized: Resized | null }): boolean =>
      resized === null || (resized.sidePx === wanted?.sidePx && resized.quality === wanted.quality);
    return places.find(isSame) ?? null;
  }

  /**
   * Records what became of an image URL; a success carries its measurements and its place in `raw/`. An image that was
   * taken down is recorded as refused.
   */
  recordImage(image: ImageRecord): void {
    const { sha256, phash } = image.stored ?? {};
    if (
      image.stored !== undefined &&
      this.isTakenDown({ url: image.url, ...(sha256 ? { sha256 } : {}), ...(phash ? { phash } : {}) })
    ) {
      const { stored: _, ...rest } = image;
      this.recordImage({ ...rest, status: 'refused', reason: 'taken-down' });
      return;
    }
    this.statement(
      `INSERT INTO images (url, status, reason, fetched_at_ms, etag, last_modified, rights, format, width, height,
           frames, byte_length, sha256, phash, damaged, segment, offset, written_url, resized)
         VALUES (@url, @status, @reason, @fetchedAtMs, @etag, @lastModified, @rights, @format, @width, @height,
           @frames, @byteLength, @sha256, @phash, @damaged, @segment, @offset, @writtenUrl, @resized)
         ON CONFLICT (url) DO UPDATE SET status = excluded.status, reason = excluded.reason,
           fetched_at_ms = excluded.fetched_at_ms, etag = excluded.etag, last_modified = excluded.last_modified,
           rights = excluded.rights, format = excluded.format, width = excluded.width, height = excluded.height,
           frames = excluded.frames, byte_length = excluded.byte_length, sha256 = excluded.sha256,
           phash = excluded.phash, damaged = excluded.damaged, segment = excluded.segment, offset = excluded.offset,
           written_url = coalesce(excluded.written_url, written_url), resized = excluded.resized`,
    ).run({
      url: image.url,
      status: image.status,
      reason: image.reason ?? null,
      fetchedAtMs: image.fetchedAtMs,
      etag: image.etag ?? null,
      lastModified: image.lastModified ?? null,
      rights: image.rights ? JSON.stringify(image.rights) : null,
      ...(image.stored ?? nothingStored),
      damaged: image.stored?.damaged ? 1 : 0,
      resized: image.stored?.resized ? JSON.stringify(image.stored.resized) : null,
      writtenUrl: image.writtenUrl ?? null,
    });
  }
}

/** Of a page that was taken down its row tells no more than that. */
const takenDownPage = ({ url, fetchedAtMs }: PageRecord): PageRecord => ({
  url,
  status: 'refused',
  reason: 'taken-down',
  fetchedAtMs,
});

const nothingStored = {
  format: null,
  width: null,
  height: null,
  frames: null,
  byteLength: null,
  sha256: null,
  phash: null,
  segment: null,
  offset: null,
};
