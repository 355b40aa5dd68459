/**
 * From what a user writes to a list of shards: files, folders (every `.tar`, `.tar.gz`, `.tar.zst` in them), globs (`*`, `?`), brace ranges
 * and lists as webdataset has them (`{00000..00123}`, `{a,b}`), the same in S3 (`s3://BUCKET/shards/train`), http(s) URLs, and `-` for standard input.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openBlobs } from '../blobs/open.ts';
import { isS3, lastPart, parentOf, within } from '../blobs/place.ts';
import { expected } from '../user-error.ts';

/** The shards in the order written; matches of a glob and files of a folder are sorted. */
export async function expandShardPaths(paths: string | readonly string[]): Promise<string[]> {
  const shards: string[] = [];
  for (const path of [paths].flat().flatMap(expandBraces))
    shards.push(...(isS3(path) ? await inS3(path) : expandPath(path)));
  if (shards.length === 0)
    throw expected('at least one .tar file', 'shards', [paths].flat().join(' '), 'check the path');
  return shards;
}

export const isUrl = (path: string): boolean => /^https?:\/\//.test(path);

/** `a{1..3}b` and `a{x,y}b`, nested and repeated; the width of a range's first number is kept: `{00..10}`. */
export function expandBraces(pattern: string): string[] {
  const start = pattern.indexOf('{');
  const end = start < 0 ? -1 : closingBrace(pattern, start);
  if (end < 0) return [pattern];
  const inside = pattern.slice(start + 1, end);
  const rest = expandBraces(pattern.slice(end + 1));
  const range = /^(\d+)\.\.(\d+)$/.exec(inside);
  const parts = range === null ? topLevelParts(inside).flatMap(expandBraces) : numbers(range[1]!, range[2]!);
  const shown = range === null && topLevelParts(inside).length === 1 ? [`{${inside}}`] : parts;
  return shown.flatMap((part) => rest.map((tail) => pattern.slice(0, start) + part + tail));
}

/** Where the brace at `start` closes, -1 when it does not. */
function closingBrace(pattern: string, start: number): number {
  let depth = 0;
  for (let i = start; i < pattern.length; i++) {
    if (pattern[i] === '{') depth += 1;
    if (pattern[i] === '}') depth -= 1;
    if (depth === 0) return i;
  }
  return -1;
}

/** Parts between the commas that lie in no inner brace. */
function topLevelParts(inside: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < inside.length; i++) {
    if (inside[i] === '{') depth += 1;
    else if (inside[i] === '}') depth -= 1;
    else if (inside[i] === ',' && depth === 0) {
      parts.push(inside.slice(from, i));
      from = i + 1;
    }
  }
  return [...parts, inside.slice(from)];
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
      .filter(isArchive)
      .sort()
      .map((name) => join(shard, name));
  });
}

const isArchive = (name: string): boolean => /\.(?:tar|tar\.gz|tgz|tar\.zst)$/i.test(name) && !name.startsWith('.');

/** An object, the archives right below a prefix, or those whose names match a glob. */
async function inS3(path: string): Promise<string[]> {
  if (/[*?]/.test(path)) return globInS3(path);
  // What is opened says whether it is there.
  if (isArchive(lastPart(path))) return [path];
  const found: string[] = [];
  for await (const { key } of (await openBlobs(path)).list()) {
    if (!key.includes('/') && isArchive(key)) found.push(within(path, key));
  }
  if (found.length > 0) return found;
  throw expected('an object, prefix or glob with shards', 'shards', path, 'check the path');
}

async function globInS3(pattern: string): Promise<string[]> {
  let fixed = pattern;
  while (/[*?]/.test(fixed)) fixed = parentOf(fixed);
  const names = pattern.slice(fixed.length + 1).split('/');
  const rest = matcherOf(names.filter((name) => name !== '').join('/'));
  const found: string[] = [];
  for await (const { key } of (await openBlobs(fixed)).list()) if (rest.test(key)) found.push(within(fixed, key));
  return found;
}

/** A star and a question mark stand for what has no slash, and for no dot that a name begins with. */
function matcherOf(pattern: string): RegExp {
  const parts = pattern.split('/').map((part) => {
    const source = part
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    return part.startsWith('.') ? source : `(?!\\.)${source}`;
  });
  return new RegExp(`^${parts.join('/')}$`);
}

function glob(pattern: string): string[] {
  const folder = dirname(pattern);
  const folders = /[*?]/.test(folder) ? glob(folder) : [folder];
  const name = pattern.slice(pattern.lastIndexOf('/') + 1);
  const matches = matcherOf(name);
  return folders
    .filter((one) => existsSync(one) && statSync(one).isDirectory())
    .flatMap((one) =>
      readdirSync(one)
        .filter((entry) => matches.test(entry))
        .sort()
        .map((entry) => join(one, entry)),
    );
}
