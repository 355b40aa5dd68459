/**
 * The vectors of a corpus' pictures and texts by one model, in `vectors.db`: what is asked by meaning is looked up here (vector-search.ts).
 * A vector is of length 1, kept as whole numbers of a byte each; of each there is a bit a number besides, its sign beside
 * the mean of its kind, by which candidates are found. A batch is one transaction, so that a kill loses no more than that.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { inTurn, type Waiting } from '../corpus-lock.ts';
import { openDatabase } from '../open-database.ts';
import { samePlace } from '../same-place.ts';
import { UserError } from '../user-error.ts';
import { DatabaseBusy, isBusy } from './database-busy.ts';
import type { Ledger } from './ledger.ts';

export const vectorKinds = ['picture', 'text'] as const;

/** What a vector is of: a picture, by its SHA-256, or the text of a pair, by the pair's id. */
export type VectorKind = (typeof vectorKinds)[number];

const fileName = 'vectors.db';
const version = 1;
const busyTimeoutMs = 5000;

/** By what the vectors were made. */
export interface VectorModel {
  /** What the operator called it: a folder, a file or `hf://OWNER/NAME`. */
  readonly name: string;
  /** Its identity: two trainings differ in it. */
  readonly model: string;
  /** Numbers of a vector. */
  readonly size: number;
}

/** A vector and what it is of; null where that could not be read, which is not tried again. */
export interface NewVector {
  readonly key: string;
  /** Tells whether what it was made of is still the same: of a text, its hash. */
  readonly version: string;
  readonly vector: Float32Array | null;
}

export interface VectorStore {
  readonly db: Database.Database;
  /** Throws a UserError where the file that is written is not that of the corpus any more. */
  readonly checkPlace: () => void;
  close(): void;
}

const schema = `
  CREATE TABLE model (name TEXT NOT NULL, model TEXT NOT NULL, size INTEGER NOT NULL) STRICT;
  CREATE TABLE means (kind TEXT PRIMARY KEY, mean BLOB NOT NULL) STRICT;
  CREATE TABLE removals (count INTEGER NOT NULL) STRICT;
  INSERT INTO removals VALUES (0);
  CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    vector BLOB,
    UNIQUE (kind, key)
  ) STRICT;
  CREATE TABLE codes (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, code BLOB NOT NULL) STRICT;
  CREATE TRIGGER vector_removed AFTER DELETE ON vectors
    BEGIN DELETE FROM codes WHERE id = old.id; UPDATE removals SET count = count + 1; END;`;

/** Whether a corpus has vectors. */
export const hasVectors = (corpusDir: string): boolean => existsSync(join(corpusDir, fileName));

/** Opens the vectors of a corpus to write them; makes the file where there is none. For so long it waits at a time for who writes. */
export function openVectors(corpusDir: string, { timeoutMs = busyTimeoutMs } = {}): VectorStore {
  const path = join(corpusDir, fileName);
  return openDatabase(path, { timeout: timeoutMs }, (db) => {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('secure_delete = ON'); // a takedown removes vectors too
    db.transaction(() => {
      if (db.pragma('user_version', { simple: true }) !== 0) return;
      db.exec(schema);
      db.pragma(`user_version = ${version}`);
    }).immediate();
    checkVersion(db, path);
    return { db, checkPlace: samePlace(path), close: () => db.close() };
  });
}

/** The same for reading only; null where there are none yet. */
export function openVectorsToRead(corpusDir: string): VectorStore | null {
  if (!hasVectors(corpusDir)) return null;
  const path = join(corpusDir, fileName);
  const db = new Database(path, { readonly: true });
  checkVersion(db, path);
  return { db, checkPlace: samePlace(path), close: () => db.close() };
}

function checkVersion(db: Database.Database, path: string): void {
  const found = db.pragma('user_version', { simple: true });
  if (found === version) return;
  throw new UserError(
    `Expected vectors of version ${version} in ${path} but received ${found}; delete the file and run \`lait embed\` again.`,
  );
}

/** By what the vectors were made; null of an empty store. */
export const vectorModel = ({ db }: VectorStore): VectorModel | null =>
  (db.prepare('SELECT name, model, size FROM model').get() as VectorModel | undefined) ?? null;

/** Says by what vectors are made from now on. Those of another model are deleted; returns how many those were. */
export function setVectorModel({ db }: VectorStore, { name, model, size }: VectorModel): number {
  return db
    .transaction(() => {
      const known = db.prepare('SELECT model, size FROM model').get() as { model: string; size: number } | undefined;
      const isSame = known?.model === model && known.size === size;
      const removed = isSame ? 0 : db.prepare('DELETE FROM vectors').run().changes;
      if (!isSame) db.exec('DELETE FROM means');
      db.exec('DELETE FROM model');
      db.prepare('INSERT INTO model (name, model, size) VALUES (?, ?, ?)').run(name, model, size);
      return removed;
    })
    .immediate();
}

/** Whether the store has what was made of this, at this version. */
export function isEmbedded({ db }: VectorStore): (kind: VectorKind, key: string, version: string) => boolean {
  const find = db.prepare('SELECT 1 FROM vectors WHERE kind = ? AND key = ? AND version = ?');
  return (kind, key, ofVersion) => find.get(kind, key, ofVersion) !== undefined;
}

/** A vector as bytes: its largest number over 127 as a float, then each number as so many of that, of a byte. */
export function packed(vector: Float32Array): Buffer {
  const unit = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
  const bytes = Buffer.alloc(4 + vector.length);
  bytes.writeFloatLE(unit);
  for (const [at, value] of vector.entries()) bytes.writeInt8(Math.round(value / unit), 4 + at);
  return bytes;
}

/** The vector of bytes that `packed` made. */
export function unpacked(bytes: Buffer): Float32Array {
  const unit = bytes.readFloatLE();
  return Float32Array.from(
    new Int8Array(bytes.buffer, bytes.byteOffset + 4, bytes.length - 4),
    (value) => value * unit,
  );
}

/** A bit for each number, 1 where it is above the mean; in words of 32. */
export function codeOf(vector: ArrayLike<number>, mean: ArrayLike<number>): Uint32Array {
  const code = new Uint32Array(Math.ceil(vector.length / 32));
  for (let at = 0; at < vector.length; at++) if (vector[at]! > mean[at]!) code[at >> 5]! |= 1 << (at & 31);
  return code;
}

/** Whether something is still in the corpus. */
export type IsThere = (kind: VectorKind, key: string) => boolean;

/** Asks the ledger as it is at that moment. */
export function isInLedger(ledger: Ledger): IsThere {
  const find = {
    picture: ledger.db.prepare('SELECT 1 FROM images WHERE sha256 = ? AND segment IS NOT NULL'),
    text: ledger.db.prepare('SELECT 1 FROM pairs WHERE id = ?'),
  };
  return (kind, key) => find[kind].get(key) !== undefined;
}

/**
 * Writes a batch, in the place of what was made of the same before, without what is no more there: this is asked while nobody else writes
 * vectors, so that a takedown either is seen here or removes these afterwards. The first batch of a kind gives the mean that its codes are beside.
 */
export function putVectors(
  { db, checkPlace }: VectorStore,
  kind: VectorKind,
  batch: readonly NewVector[],
  isThere: IsThere = () => true,
): void {
  checkPlace();
  const remove = db.prepare('DELETE FROM vectors WHERE kind = ? AND key = ?');
  const put = db.prepare('INSERT INTO vectors (kind, key, version, vector) VALUES (?, ?, ?, ?)');
  const putCode = db.prepare('INSERT INTO codes (id, kind, code) VALUES (?, ?, ?)');
  db.transaction(() => {
    const there = batch.filter(({ key }) => isThere(kind, key));
    const mean = meanOf(db, kind) ?? firstMean(db, kind, there);
    for (const { key, version: ofVersion, vector } of there) {
      remove.run(kind, key);
      const numbers = vector === null ? null : packed(vector);
      const { lastInsertRowid } = put.run(kind, key, ofVersion, numbers);
      if (vector !== null && mean !== null) putCode.run(lastInsertRowid, kind, bytesOf(codeOf(vector, mean)));
    }
  }).immediate();
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array | Float32Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** The mean of the first batch of a kind; null where there is none yet. */
export function meanOf(db: Database.Database, kind: VectorKind): Float32Array | null {
  const bytes = db.prepare('SELECT mean FROM means WHERE kind = ?').pluck().get(kind) as Buffer | undefined;
  return bytes === undefined ? null : new Float32Array(Uint8Array.from(bytes).buffer);
}

function firstMean(db: Database.Database, kind: VectorKind, batch: readonly NewVector[]): Float32Array | null {
  const vectors = batch.flatMap(({ vector }) => (vector === null ? [] : [vector]));
  const [first] = vectors;
  if (first === undefined) return null;
  const mean = new Float32Array(first.length);
  for (const vector of vectors) for (let at = 0; at < mean.length; at++) mean[at]! += vector[at]! / vectors.length;
  db.prepare('INSERT INTO means (kind, mean) VALUES (?, ?)').run(kind, bytesOf(mean));
  return mean;
}

/** Removes vectors by what they are of, and overwrites them. */
export function removeVectors({ db }: VectorStore, kind: VectorKind, keys: Iterable<string>): void {
  const remove = db.prepare('DELETE FROM vectors WHERE kind = ? AND key = ?');
  db.transaction(() => {
    for (const key of keys) remove.run(kind, key);
  }).immediate();
}

/** Rows that are looked at together. */
const rowsAtOnce = 1_000;

/** Of what there are vectors that is no more there, some at a time. */
function* goneVectors(
  { db }: VectorStore,
  isThere: IsThere,
): Generator<readonly { readonly kind: VectorKind; readonly key: string }[]> {
  const select = db.prepare(`SELECT id, kind, key FROM vectors WHERE id > ? ORDER BY id LIMIT ${rowsAtOnce}`);
  for (let after = 0; ; ) {
    const rows = select.all(after) as { id: number; kind: VectorKind; key: string }[];
    yield rows.filter(({ kind, key }) => !isThere(kind, key));
    if (rows.length < rowsAtOnce) return;
    after = rows.at(-1)!.id;
  }
}

/** Removes vectors of pictures and pairs that are no more there; returns how many those were. */
export function removeGone(store: VectorStore, isThere: IsThere): number {
  let removed = 0;
  for (const gone of goneVectors(store, isThere)) {
    for (const kind of vectorKinds) {
      const keys = gone.filter((one) => one.kind === kind).map(({ key }) => key);
      if (keys.length > 0) removeVectors(store, kind, keys);
    }
    removed += gone.length;
  }
  return removed;
}

/** How many vectors a corpus has of pictures and pairs that its ledger does not have. */
export function countGone(corpusDir: string, ledger: Ledger): number {
  const store = openVectorsToRead(corpusDir);
  if (store === null) return 0;
  try {
    let gone = 0;
    for (const some of goneVectors(store, isInLedger(ledger))) gone += some.length;
    return gone;
  } finally {
    store.close();
  }
}

/** One try of a takedown to write; signals are heard between two. */
const tryMs = 100;

/**
 * Removes what a takedown names and all that the ledger does not have, if the corpus has vectors, from the log of the file too. Waits for who
 * writes them. Throws a UserError for a file of another version.
 */
export async function takeFromVectors(
  corpusDir: string,
  { sha256s, pairs }: { readonly sha256s: Iterable<string>; readonly pairs: Iterable<string> },
  { ledger, ...waiting }: { readonly ledger: Ledger } & Waiting,
): Promise<void> {
  if (!hasVectors(corpusDir)) return;
  const named = { picture: [...sha256s], text: [...pairs] };
  await inTurn(() => {
    let store: VectorStore | null = null;
    try {
      store = openVectors(corpusDir, { timeoutMs: tryMs });
      for (const kind of vectorKinds) removeVectors(store, kind, named[kind]);
      removeGone(store, isInLedger(ledger));
      store.db.pragma(`busy_timeout = ${busyTimeoutMs}`);
      store.db.pragma('wal_checkpoint(TRUNCATE)');
    } catch (error) {
      throw isBusy(error) ? new DatabaseBusy(join(corpusDir, fileName)) : error;
    } finally {
      store?.close();
    }
  }, waiting);
}
