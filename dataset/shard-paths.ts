/**
 * From what a user writes to a list of shards: files, folders (every `.tar` in them), globs (`*`, `?`), brace ranges
 * and lists as webdataset has them (`{00000..00123}`, `{a,b}`), http(s) URLs, and `-` for standard input.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expected } from './user-error.ts';

/** The shards in the order written; matches of a glob and files of a folder are sorted. */
export function expandShardPaths(paths: string | readonly string[]): string[] {
  const shards = [paths].flat().flatMap(expandBraces).flatMap(expandPath);
  if (shards.length === 0)
    throw expected('at least one .tar file', 'shards', [paths].flat().join(' '), 'check the path');
  return shards;
}

export const isUrl = (path: string): boolean => /^https?:\/\//.test(path);

/** `a{1..3}b` and `a{x,y}b`, nested and repeated; the width of a range's first number is kept: `{00..10}`. */
export function expandBraces(pattern: string): string[] {
  const match = /^(.*?)\{([^{}]*(?:,|\.\.)[^{}]*)\}(.*)$/s.exec(pattern);
  if (match === null) return [pattern];
  const [, before, inside, after] = match as unknown as [string, string, string, string];
  const range = /^(\d+)\.\.(\d+)$/.exec(inside);
  const parts = range === null ? inside.split(',') : numbers(range[1]!, range[2]!);
  return parts.flatMap((part) => expandBraces(before + part + after));
}

function numbers(first: string, last: string): string[] {
  const [from, to] = [Number(first), Number(last)];
  const step = from <= to ? 1 : -1;
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => String(from + i * step).padStart(first.length, '0'));
}

function expandPath(path: string): string[] {
  if (path === '-' || isUrl(path)) return [path];
  const shards = /[*?]/.test(path) ? glob(path) : [path];
  return shards.flatMap((shard) => {
    if (!existsSync(shard)) throw expected('an existing file, folder, glob or URL', 'shards', shard, 'check the path');
    if (!statSync(shard).isDirectory()) return [shard];
    return readdirSync(shard)
      .filter((name) => name.endsWith('.tar'))
      .sort()
      .map((name) => join(shard, name));
  });
}

function glob(pattern: string): string[] {
  const folder = dirname(pattern);
  const folders = /[*?]/.test(folder) ? glob(folder) : [folder];
  const name = pattern.slice(pattern.lastIndexOf('/') + 1);
  const source = name
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const matches = new RegExp(`^${source}$`);
  return folders
    .filter((one) => existsSync(one) && statSync(one).isDirectory())
    .flatMap((one) =>
      readdirSync(one)
        .filter((entry) => matches.test(entry) && !(entry.startsWith('.') && !name.startsWith('.')))
        .sort()
        .map((entry) => join(one, entry)),
    );
}
