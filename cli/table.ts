/** Aligned columns for a terminal: the first column to the left, the others to the right unless said otherwise. */
export function table(rows: readonly (readonly string[])[], leftColumns: readonly number[] = [0]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (leftColumns.includes(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

/** 12345 as "12,345". */
export const count = (n: number): string => n.toLocaleString('en-US');

/** 0.1234 as "12.3 %". */
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** 1234567 bytes as "1.2 MB". */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** What an export or an import wrote, split by split. */
export function splitTable(
  splits: Readonly<Record<string, { readonly samples: number; readonly shards: number; readonly bytes: number }>>,
): string {
  const rows = Object.entries(splits).map(([split, { samples, shards, bytes }]) => [
    split,
    count(samples),
    count(shards),
    megabytes(bytes),
  ]);
  return table([['split', 'samples', 'shards', 'size'], ...rows]);
}
