/**
 * The columns that an export has beside those that every export has: measured ones, and those that lists of URLs gave. Our own names win: a list's column of the same name, in capitals or
 * not, gets `_list` behind it. An export that grows keeps the columns of its first version, so that all its tables are alike.
 */
import type { BasicType } from 'hyparquet-writer';
import type { Evidence } from '../ledger/evidence.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type ListColumnType, type ListValue, listColumnsOf } from '../ledger/list-columns.ts';
import { shardColumns } from '../shards/parquet.ts';
import { type MeasuredColumns, measuredRow, measuredTypes, noMeasuredColumns } from './measured-columns.ts';

/** By the name in the ledger, sorted. */
export type ListColumns = Readonly<Record<string, ListColumnType>>;

/** Names that mean something to readers of our files and of WebDataset's. */
const otherNames = ['image', 'images', 'texts', 'file_name', 'jpg', 'png', 'webp', 'json', 'txt', '__key__', '__url__'];

/** What an export has beside the columns that every export has. */
export interface MoreColumns {
  readonly measured?: MeasuredColumns;
  readonly listColumns?: ListColumns;
}

/** Under which name each column is exported. */
function exportedNames({ measured = noMeasuredColumns, listColumns: columns = {} }: MoreColumns): Map<string, string> {
  const ours = [...Object.keys(shardColumns), ...Object.keys(measuredTypes(measured)), ...otherNames];
  const taken = new Set(ours.map((name) => name.toLowerCase()));
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
export function tableColumnsWith(more: MoreColumns): Readonly<Record<string, BasicType>> {
  const names = exportedNames(more);
  return {
    ...shardColumns,
    ...measuredTypes(more.measured ?? noMeasuredColumns),
    ...Object.fromEntries(Object.entries(more.listColumns ?? {}).map(([column, type]) => [names.get(column)!, type])),
  };
}

/** A pair's values of these columns; null where there are no such columns, or a pair has nothing in them. */
export type MoreRow = Readonly<Record<string, ListValue | null>> | null;

/** Gives that of a pair. */
export type ReadMore = (id: string, evidence: Evidence, scores?: Readonly<Record<string, number>>) => MoreRow;

export function moreReader(ledger: Ledger, more: MoreColumns): ReadMore {
  const { measured = noMeasuredColumns, listColumns = {} } = more;
  const names = exportedNames(more);
  return (id, evidence, scores = {}) => {
    const listed = names.size === 0 ? [] : Object.entries(listColumnsOf(ledger, id, listColumns));
    const values = {
      ...measuredRow(measured, evidence, scores),
      ...Object.fromEntries(listed.map(([column, value]) => [names.get(column)!, value])),
    };
    return Object.keys(values).length === 0 ? null : values;
  };
}
