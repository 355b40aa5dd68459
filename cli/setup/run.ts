/** Runs a program of the machine (pip, node-gyp) for the set-up and says what it printed when it fails. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '../..');

/** The `lait` command as a file: in a checkout, or in the package, where this file is compiled below `dist`. */
export const laitScript = (): string =>
  [join(repositoryRoot, 'cli/lait.mjs'), join(repositoryRoot, '../cli/lait.mjs')].find((path) => existsSync(path))!;

/**
 * The folder of a package as Node.js finds it: in the nearest `node_modules` of `from` or a folder above, which in somebody's project
 * is not ours. Of one that is nowhere, the place in the first of them.
 */
export function packageDir(name: string, from: string = repositoryRoot): string {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(folder)) return folder;
    if (dirname(at) === at) return join(from, 'node_modules', name);
  }
}

/** The first folder of PATH that has this program, or undefined. */
export function findOnPath(...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (folder !== '' && existsSync(path)) return path;
    }
  }
  return undefined;
}

/** The version of an optional package that lait asks for. */
export function optionalVersion(name: string): string {
  const manifest = JSON.parse(readFileSync(join(dirname(dirname(laitScript())), 'package.json'), 'utf8')) as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  return manifest.optionalDependencies[name] ?? 'latest';
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Show the program's own output (it has a progress bar) instead of keeping it for the error message. */
  readonly show?: boolean;
}

/** Resolves with standard output; rejects with the last lines of both streams when the program fails. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? repositoryRoot,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', options.show ? 'inherit' : 'pipe', options.show ? 'inherit' : 'pipe'],
    });
    let stdout = '';
    let both = '';
    child.stdout?.on('data', (data: Buffer) => {
      stdout += data;
      both += data;
    });
    child.stderr?.on('data', (data: Buffer) => {
      both += data;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      const tail = both.trimEnd().split('\n').slice(-12).join('\n');
      reject(new Error(`${program} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}\n${tail}`));
    });
  });
}

/**
 * The environment in which node-gyp finds Node's C headers beside the running Node, where its official archives and most
 * packages put them; without them node-gyp downloads the headers.
 */
export function nodeHeaders(): Record<string, string> {
  const prefix = resolve(process.execPath, '../..');
  return existsSync(join(prefix, 'include/node/node_api.h')) ? { npm_config_nodedir: prefix } : {};
}
