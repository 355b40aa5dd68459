/**
 * The code of a thread as one file of JavaScript. Read through tsx, each thread resolves, compiles and links 165 files for
 * itself: 0.6 s of CPU time and 110 MB, where the one file takes 0.1 s and 70. esbuild, by which tsx itself compiles, puts it together
 * once, and it lies with the packages. It names what it was made from with a hash of that, so a change of any of these makes
 * another.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import { digestOf } from '../../dataset/atomic-file.ts';
import { makeFolder } from '../../dataset/make-folder.ts';

const root = join(import.meta.dirname, '../..');
const startsThread = new URL('./thread.mjs', import.meta.url);
const thisFile = fileURLToPath(import.meta.url);

/** What the first line of the file says, as a comment. */
interface MadeFrom {
  /** Paths, from the root of the package. */
  readonly inputs: readonly string[];
  readonly sha256: string;
}

/**
 * The file to start a thread with. Where none can be made (packages that may not be written to, no esbuild for this system) it is
 * thread.mjs, which reads TypeScript and does the same. In the package, compiled already, it is thread.mjs too.
 */
export async function threadFile(folder: string = join(root, 'node_modules/.cache/lait')): Promise<URL> {
  if (!thisFile.endsWith('.ts')) return startsThread;
  // Several checkouts may share their packages.
  const path = join(folder, `thread-${digestOf(root).sha256.slice(0, 16)}.mjs`);
  if (isFresh(path)) return pathToFileURL(path);
  const temporary = `${path}.${process.pid}`;
  try {
    makeFolder(folder);
    writeFileSync(temporary, '');
  } catch {
    return startsThread;
  }
  try {
    writeFileSync(temporary, await build());
    renameSync(temporary, path);
    return pathToFileURL(path);
  } catch {
    rmSync(temporary, { force: true });
    return startsThread;
  }
}

function isFresh(path: string): boolean {
  try {
    const { inputs, sha256 } = JSON.parse(readFileSync(path, 'utf8').split('\n', 1)[0]!.slice(2)) as MadeFrom;
    return hashOf(inputs) === sha256;
  } catch {
    return false;
  }
}

function hashOf(inputs: readonly string[]): string {
  const hash = createHash('sha256');
  for (const input of [thisFile, ...inputs]) hash.update(readFileSync(resolve(root, input))).update('\0');
  return hash.digest('hex');
}

async function build(): Promise<string> {
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: ['crawler/workers/thread.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      legalComments: 'none',
      logLevel: 'silent',
      write: false,
      metafile: true,
      plugins: [ownUrls],
    });
    const inputs = Object.keys(metafile.inputs);
    const madeFrom: MadeFrom = { inputs, sha256: hashOf(inputs) };
    return `//${JSON.stringify(madeFrom)}\n${outputFiles[0]!.text}`;
  } finally {
    await stop();
  }
}

/** What our files find by their own place they find there still. */
const ownUrls: Plugin = {
  name: 'own-urls',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
      loader: 'ts',
    })),
};
