/**
 * The saved pages of real sites that the labels are about. They belong to their authors, so they are not in this repository:
 * they are read out of two public repositories, each at a fixed commit, into a folder of the machine.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';

/** Where saved pages are, and at which commit. */
export const repositories = {
  wcxb: {
    name: 'Murrough-Foley/web-content-extraction-benchmark',
    commit: 'c039d5ee9f5a3a984a0e167e63aacd04e76e78a9',
  },
  trafilatura: { name: 'adbar/trafilatura', commit: 'e90b0ef51ab026fdb905fb6c5b3c84dd3d784fd5' },
} as const;

/** Flags of the scripts that read the saved pages: where they are kept, and where their repositories come from. */
export const savedPagesFlags = {
  pages: { type: 'string', default: path.join(tmpdir(), 'lait-saved-pages') },
  from: { type: 'string', default: 'https://github.com' },
} as const;

export type RepositoryId = keyof typeof repositories;

/** One saved page, as the labels name it. */
export interface SavedPage {
  readonly repository: RepositoryId;
  readonly path: string;
  /** Of the HTML, after unpacking. */
  readonly sha256: string;
  readonly url: string;
}

const run = promisify(execFile);

/** Fetches the fixed commit of each repository below `base` (a URL or a folder) into `folder`, once. Needs git. */
export async function fetchRepositories(folder: string, base: string = savedPagesFlags.from.default): Promise<void> {
  for (const [id, { name, commit }] of Object.entries(repositories)) {
    const dir = path.join(folder, id);
    if (existsSync(path.join(dir, 'complete'))) continue;
    mkdirSync(dir, { recursive: true });
    const git = (...words: string[]) => run('git', ['-C', dir, ...words], { maxBuffer: 1 << 26 });
    await git('init', '--quiet');
    await git('fetch', '--quiet', '--depth', '1', `${base}/${name}`, commit);
    await git('checkout', '--quiet', '--force', commit);
    writeFileSync(path.join(dir, 'complete'), '');
  }
}

/** The HTML of a saved page. Throws when the file is another than the one that was labelled. */
export function readPage(folder: string, { repository, path: file, sha256 }: SavedPage): string {
  const bytes = readHtml(folder, repository, file);
  const received = createHash('sha256').update(bytes).digest('hex');
  if (received !== sha256)
    throw new Error(`Expected ${repository}/${file} with sha256 ${sha256} but found ${received}`);
  return bytes.toString('utf8');
}

/** The bytes of a saved page, unpacked. */
export function readHtml(folder: string, repository: RepositoryId, file: string): Buffer {
  const bytes = readFileSync(path.join(folder, repository, file));
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}
