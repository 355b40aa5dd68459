/**
 * What a list of URLs says of a pair beside its URL and caption (uid, similarity, punsafe, license, …), kept for the export as
 * img2dataset's `--save_additional_columns` does. One JSON object a pair; numbers keep all their digits, as SQLite reads them.
 */
import type { Ledger } from './ledger.ts';

/** Ours: bytes of one pair's columns, columns of a pair, and characters of a name. */
const maxJsonBytes = 8192;
const maxColumns = 64;
const maxNameChars = 64;

/** Without what no UTF-8 has, and what ends a text in SQLite. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is removed.
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}|\u0000/gu, '\ufffd');

/** A value as a list has it, or null for one that is none: missing, not finite, or of a kind that no table has. */
function jsonOf(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value === '' ? null : JSON.stringify(wellFormed(value));
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : null;
    case 'bigint':
      return value >= -(2n ** 63n) && value < 2n ** 63n ? String(value) : JSON.stringify(String(value));
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? null : objectJson(value);
    default:
      return null;
  }
}

/** A date as RFC 3339; a list or an object as the text of its JSON. */
function objectJson(value: object): string | null {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : JSON.stringify(value.toISOString());
  if (ArrayBuffer.isView(value)) return null;
  const text = JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
  return JSON.stringify(wellFormed(text));
}

/** A name that may stand in a table, a JSON member and a page: letters, digits and a few marks, none of them twice. */
const plainName = (name: string): string =>
  name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}_.-]+/gu, '_')
    .slice(0, maxNameChars)
    .replace(/\p{Surrogate}/gu, '') || '_';

/**
 * Which column of a list is kept under which name. Names that become the same are told apart by a number; columns after the
 * 64th have none.
 */
export function columnNames(columns: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const column of columns.slice(0, maxColumns)) {
    const plain = plainName(column);
    let name = plain;
    for (let n = 2; taken.has(name); n += 1) name = `${plain}_${n}`;
    taken.add(name);
    names.set(column, name);
  }
  return names;
}

/** The JSON object of these columns of a row; null when there are none. Columns that are too long together are left out from there on. */
export function columnsJson(row: Readonly<Record<string, unknown>>, names: ReadonlyMap<string, string>): string | null {
  const members: string[] = [];
  let byteLength = 2;
  for (const [column, name] of names) {
    const json = Object.hasOwn(row, column) ? jsonOf(row[column]) : null;
    if (json === null) continue;
    const member = `${JSON.stringify(name)}:${json}`;
    byteLength += Buffer.byteLength(member) + 1;
    if (byteLength > maxJsonBytes) break;
    members.push(member);
  }
  return members.length === 0 ? null : `{${members.join(',')}}`;
}

/** Keeps the columns of a pair that exists. Of a column that an earlier list gave, the newest value stays. */
export function keepListColumns(ledger: Ledger, pairId: string, json: string): void {
  ledger
    .statement(
      `INSERT INTO list_columns (pair_id, columns) SELECT id, @json FROM pairs WHERE id = @pairId
       ON CONFLICT (pair_id) DO UPDATE SET columns = json_patch(columns, excluded.columns)
         WHERE columns <> excluded.columns`,
    )
    .run({ pairId, json });
}

/** What every value of a column is: whole numbers, numbers, truth values, or else texts. */
export type ListColumnType = 'INT64' | 'DOUBLE' | 'BOOLEAN' | 'STRING';

/** The columns that some pair has, by name, sorted. */
export function listColumns(ledger: Ledger): Record<string, ListColumnType> {
  const rows = ledger.db
    .prepare(
      `SELECT key AS name, group_concat(DISTINCT iif(type IN ('true', 'false'), 'boolean', type)) AS types
       FROM list_columns, json_each(columns) GROUP BY key ORDER BY key`,
    )
    .all() as { name: string; types: string }[];
  return Object.fromEntries(rows.map(({ name, types }) => [name, typeOf(types)]));
}

function typeOf(types: string): ListColumnType {
  if (types === 'integer') return 'INT64';
  if (types === 'boolean') return 'BOOLEAN';
  return types.split(',').every((type) => type === 'integer' || type === 'real') ? 'DOUBLE' : 'STRING';
}

/** A value of a column. A whole number that no JavaScript number holds is its digits. */
export type ListValue = string | number | boolean;

/** What lists say of a pair, each value as its column's type has it; one that is of another type is left out. */
export function listColumnsOf(
  ledger: Ledger,
  pairId: string,
  types: Readonly<Record<string, ListColumnType>>,
): Record<string, ListValue> {
  const rows = ledger
    .statement('SELECT key AS name, type, atom FROM list_columns, json_each(columns) WHERE pair_id = ? ORDER BY key')
    .safeIntegers()
    .all(pairId) as { name: string; type: string; atom: string | number | bigint }[];
  return Object.fromEntries(
    rows.flatMap(({ name, type, atom }) => {
      const columnType = Object.hasOwn(types, name) ? types[name]! : null;
      const value = columnType === null ? null : valueAs(columnType, type, atom);
      return value === null ? [] : [[name, value]];
    }),
  );
}

function valueAs(columnType: ListColumnType, type: string, atom: string | number | bigint): ListValue | null {
  const isBoolean = type === 'true' || type === 'false';
  if (columnType === 'STRING') return isBoolean ? type : String(atom);
  if (columnType === 'BOOLEAN') return isBoolean ? type === 'true' : null;
  if (isBoolean || typeof atom === 'string') return null;
  if (columnType === 'DOUBLE') return Number(atom);
  if (typeof atom === 'number') return null;
  const number = Number(atom);
  return Number.isSafeInteger(number) ? number : String(atom);
}
