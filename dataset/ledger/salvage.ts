/**
 * Saves what can be read of a damaged ledger: rows are copied table by table into a new one, around the places that cannot be read, as
 * sqlite3's `.recover` does. The damaged file is kept beside it. A kill leaves the damaged one in its place.
 */
import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { writeFileAtomic } from '../atomic-file.ts';
import { UserError } from '../user-error.ts';
import { Ledger } from './ledger.ts';
import { noteReadings } from './migrations.ts';
import { readPagesWhole } from './origins.ts';

/** Rows read at once where all can be read. */
const rowsAtOnce = 500;

/** What was saved, by table. */
export interface Salvaged {
  /** Where the damaged file lies now. */
  readonly kept: string;
  readonly rows: Readonly<Record<string, number>>;
}

/** Whether a database can be read to its end: null, or what SQLite says of it. */
export function damageOf(path: string): string | null {
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      const said = db.pragma('quick_check(1)', { simple: true }) as string;
      return said === 'ok' ? null : said;
    } finally {
      db.close();
    }
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code === 'SQLITE_FORMAT') return message;
    throw error;
  }
}

/**
 * Puts a new ledger with all rows that can be read in the place of a damaged one. To be called by who holds all locks of the corpus.
 * Throws a UserError when nothing can be read.
 */
export function salvageLedger(corpusDir: string): Salvaged {
  const path = join(corpusDir, 'ledger.db');
  const workshop = join(corpusDir, '.salvage');
  const fresh = join(workshop, 'ledger.db');
  const done = join(workshop, 'done.json');
  let rows: Record<string, number> = {};
  if (!existsSync(done)) {
    rmSync(workshop, { recursive: true, force: true });
    const ledger = Ledger.open(workshop);
    try {
      rows = copyRows(path, ledger);
      ledger.db.exec(noteReadings);
      readPagesWhole(ledger);
      ledger.db.pragma('wal_checkpoint(TRUNCATE)');
      ledger.db.pragma('journal_mode = DELETE');
    } finally {
      ledger.close();
    }
    if (Object.values(rows).every((count) => count === 0)) {
      rmSync(workshop, { recursive: true, force: true });
      throw new UserError(`Expected rows that can be read in ${path} but received none; put it back from a copy.`);
    }
    writeFileAtomic(done, JSON.stringify(rows));
  }
  let number = 1;
  while (existsSync(`${path}.damaged-${number}`)) number += 1;
  const kept = `${path}.damaged-${number}`;
  if (existsSync(path)) linkSync(path, kept);
  // What the old one had in its log must not be laid over the new one.
  for (const ending of ['-wal', '-shm']) if (existsSync(path + ending)) renameSync(path + ending, kept + ending);
  renameSync(fresh, path);
  rmSync(workshop, { recursive: true });
  return { kept, rows };
}

function copyRows(damaged: string, into: Ledger): Record<string, number> {
  let from: Database.Database;
  try {
    from = new Database(damaged, { readonly: true, fileMustExist: true });
    from.pragma('schema_version');
  } catch {
    return {};
  }
  const copied: Record<string, number> = {};
  try {
    from.unsafeMode(true);
    const tables = into.db
      .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid`)
      .all() as { name: string; sql: string }[];
    into.db.pragma('foreign_keys = OFF');
    for (const { name, sql } of tables) {
      try {
        copied[name] = copyTable(from, into, name, !/WITHOUT ROWID/.test(sql));
      } catch {
        copied[name] = 0; // the old schema does not have it, or cannot be read
      }
    }
    return copied;
  } finally {
    from.close();
  }
}

function copyTable(from: Database.Database, into: Ledger, table: string, hasRowId: boolean): number {
  const columnsOf = (db: Database.Database): string[] =>
    (db.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
  const there = new Set(columnsOf(from));
  const columns = columnsOf(into.db).filter((name) => there.has(name));
  const list = columns.map((name) => `"${name}"`).join(', ');
  const put = into.db.prepare(
    `INSERT OR IGNORE INTO ${table} (${hasRowId ? 'rowid, ' : ''}${list}) VALUES (${columns.map(() => '?').join(', ')}${hasRowId ? ', ?' : ''})`,
  );
  if (table === 'corpus') into.db.exec('DELETE FROM corpus');
  const batches = hasRowId ? rowsById(from, table, list) : rowsInOrder(from, table, list, columns.length);
  let count = 0;
  for (const rows of batches) {
    into.write(() => {
      for (const row of rows) count += put.run(...row).changes;
    });
  }
  if (table === 'corpus' && count === 0) into.db.exec(`INSERT INTO corpus VALUES (lower(hex(randomblob(16))), 0)`);
  return count;
}

type Row = readonly unknown[];

/** By row id, in steps; around a place that cannot be read the steps become small, then large again. */
function* rowsById(db: Database.Database, table: string, list: string): Generator<Row[]> {
  const select = db
    .prepare(`SELECT rowid, ${list} FROM ${table} NOT INDEXED WHERE rowid > ? AND rowid <= ? ORDER BY rowid`)
    .raw();
  const last = largestRowId(db, table);
  let failures = 0;
  for (let after = 0, step = rowsAtOnce; after < last; ) {
    try {
      const rows = select.all(after, Math.min(last, after + step)) as Row[];
      yield rows;
      after += step;
      step = Math.min(rowsAtOnce, step * 2);
      failures = 0;
    } catch {
      if (step > 1) step = 1;
      else {
        // One row, then twice as many each time: a page that is lost has hundreds.
        after += 2 ** Math.min(failures, 6);
        failures += 1;
      }
    }
  }
}

/** The largest id that can be found: of the table, or by trying. */
function largestRowId(db: Database.Database, table: string): number {
  try {
    return (db.prepare(`SELECT max(rowid) FROM ${table}`).pluck().get() as number | null) ?? 0;
  } catch {
    return 10_000_000;
  }
}

/** Tables by another key: from the beginning as far as it goes, and from the end. */
function* rowsInOrder(db: Database.Database, table: string, list: string, columns: number): Generator<Row[]> {
  const keys = (db.pragma(`table_info(${table})`) as { name: string; pk: number }[])
    .filter(({ pk }) => pk > 0)
    .sort((a, b) => a.pk - b.pk)
    .map(({ name }) => `"${name}"`);
  for (const order of ['ASC', 'DESC']) {
    const select = db
      .prepare(`SELECT ${list} FROM ${table} ORDER BY ${keys.map((key) => `${key} ${order}`).join(', ')}`)
      .raw();
    let rows: Row[] = [];
    try {
      for (const row of select.iterate() as Iterable<Row>) {
        rows.push(row.slice(0, columns));
        if (rows.length === rowsAtOnce) {
          yield rows;
          rows = [];
        }
      }
      yield rows;
      return;
    } catch {
      yield rows;
    }
  }
}
