/**
 * Columns that we have no name for and a source has: LAION's `similarity`, a set's own label. They go into the sample's JSON and into the
 * tables under the name they had, as numbers, truth values or texts; a list or an object is JSON.
 */
import type { BasicType } from 'hyparquet-writer';
import { shardColumns } from './parquet.ts';

export type ExtraValue = string | number | boolean | null;

/** Names are from outside: letters, digits and a few signs, so that they are columns everywhere. */
const columnName = /^[\p{L}_][\p{L}\p{N}_ .:-]{0,127}$/u;

/** More columns than this are not made of one sample. */
export const maxExtraColumns = 200;

/** Whether a foreign column may stand beside ours. */
export const isExtraName = (name: string): boolean =>
  columnName.test(name) && name !== '__proto__' && !Object.hasOwn(shardColumns, name) && name !== 'texts';

/** A value as a column holds it; undefined for what none can hold, such as bytes. NaN and infinities are null: JSON has none. */
export function extraValue(value: unknown): ExtraValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'object':
      if (value === null) return null;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
      if (ArrayBuffer.isView(value) && !(value instanceof DataView) && value.constructor !== Uint8Array) {
        return JSON.stringify(Array.from(value as unknown as ArrayLike<number>, (one) => jsonValue('', one)));
      }
      return ArrayBuffer.isView(value) || Buffer.isBuffer(value) ? undefined : JSON.stringify(value, jsonValue);
    default:
      return undefined;
  }
}

const jsonValue = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Uint8Array ? null : value;
};

export type ExtraColumns = Readonly<Record<string, BasicType>>;

/** The further columns of rows, sorted by name: `known` ones, wider where a row needs it, and new ones. */
export function extraColumns(
  rows: readonly Readonly<Record<string, unknown>>[],
  known: ExtraColumns = {},
): ExtraColumns {
  const types = new Map<string, BasicType>(Object.entries(known));
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (!isExtraName(name)) continue;
      const type = value === null || value === undefined ? null : typeOf(value);
      const before = types.get(name);
      if (before === undefined || before === type || type === null) {
        if (before === undefined && type !== null) types.set(name, type);
      } else types.set(name, 'STRING');
    }
  }
  return Object.fromEntries([...types].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const typeOf = (value: unknown): BasicType => {
  if (typeof value === 'number') return 'DOUBLE';
  return typeof value === 'boolean' ? 'BOOLEAN' : 'STRING';
};
