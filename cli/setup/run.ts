/** Runs a program of the machine (pip, node-gyp) for the set-up and says what it printed when it fails. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '../..');

export const packageDir = (name: string): string => join(repositoryRoot, 'node_modules', name);

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
