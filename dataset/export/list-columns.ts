/**
 * The columns that lists of URLs gave, as an export has them. Our own names win: a list's column of the same name, in capitals or
 * not, gets `_list` behind it. An export that grows keeps the columns of its first version, so that all its tables are alike.
 */
import type { BasicType } from 'hyparquet-writer';
import type { Ledger } from '../ledger/ledger.ts';
import { type ListColumnType, type ListValue, listColumnsOf } from '../ledger/list-columns.ts';
import { shardColumns } from '../shards/parquet.ts';

/** By the name in the ledger, sorted. */
export type ListColumns = Readonly<Record<string, ListColumnType>>;

/** Names that mean something to readers of our files and of WebDataset's. */
const otherNames = ['image', 'images', 'texts', 'file_name', 'jpg', 'png', 'webp', 'json', 'txt', '__key__', '__url__'];

/** Under which name each column is exported. */
function exportedNames(columns: ListColumns): Map<string, string> {
  const taken = new Set([...Object.keys(shardColumns), ...otherNames].map((name) => name.toLowerCase()));
  const names = new Map<string, string>();
  for (const column of Object.keys(columns)) {
    let name = column;
    for (let n = 1; taken.has(name.toLowerCase()); n += 1) name = `${column}_list${n === 1 ? '' : n}`;
    taken.add(name.toLowerCase());
    names.set(column, name);
  }
  return names;
}

/** All columns of an export's tables. */
export function tableColumnsWith(columns: ListColumns = {}): Readonly<Record<string, BasicType>> {
  const names = exportedNames(columns);
  return {
    ...shardColumns,
    ...Object.fromEntries(Object.entries(columns).map(([column, type]) => [names.get(column)!, type])),
  };
}

/** What lists say of a pair, by exported name; null where no list says anything. */
export type ListRow = Readonly<Record<string, ListValue>> | null;

/** Reads that of a pair by its id. */
export function listRowReader(ledger: Ledger, columns: ListColumns = {}): (id: string) => ListRow {
  const names = exportedNames(columns);
  if (names.size === 0) return () => null;
  return (id) => {
    const values = Object.entries(listColumnsOf(ledger, id, columns));
    return values.length === 0
      ? null
      : Object.fromEntries(values.map(([column, value]) => [names.get(column)!, value]));
  };
}
