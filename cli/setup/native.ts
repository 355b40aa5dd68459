/**
 * The SQLite addon. Dependency install scripts are off in this project (`.npmrc`): npm 10 would run all of them, among
 * them a download of a 2022 TensorFlow, and npm 11.19 runs none. So set-up does the two that matter, this one and
 * TensorFlow's, the same way under every npm, and keeps what it built for the next `npm ci`.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defaultCacheDir } from '../../model/formats/cache.ts';
import { completeFolder } from './cache.ts';
import { nodeHeaders, packageDir, run } from './run.ts';

const addon = 'build/Release/better_sqlite3.node';

const packageVersion = (name: string): string =>
  (JSON.parse(readFileSync(join(packageDir(name), 'package.json'), 'utf8')) as { version: string }).version;

/** What `npx lait setup` has done for SQLite: an addon that this Node.js can load, one that was built for another, or none. */
export async function sqliteState(): Promise<'ready' | 'other' | 'missing'> {
  if (!existsSync(join(packageDir('better-sqlite3'), addon))) return 'missing';
  const { default: Database } = await import('better-sqlite3');
  try {
    new Database(':memory:').close();
    return 'ready';
  } catch {
    return 'other';
  }
}

/** Takes the addon from the cache, else a prebuilt one from its makers, else compiles it (about a minute on one core). */
export async function setUpSqlite(say: (line: string) => void): Promise<void> {
  const home = packageDir('better-sqlite3');
  const target = join(home, addon);
  const cached = join(
    defaultCacheDir(),
    `better-sqlite3-${packageVersion('better-sqlite3')}-abi${process.versions.modules}-${process.platform}-${process.arch}`,
  );
  if (!existsSync(cached)) {
    try {
      await run(process.execPath, [join(packageDir('prebuild-install', home), 'bin.js')], { cwd: home });
      say('SQLite: took the prebuilt addon');
    } catch {
      say('SQLite: no prebuilt addon to be had, compiling it (about a minute)');
      await run(process.execPath, [join(packageDir('node-gyp'), 'bin/node-gyp.js'), 'rebuild', '--release'], {
        cwd: home,
        env: nodeHeaders(),
      });
    }
    await completeFolder(cached, async (folder) => copyFileSync(target, join(folder, 'better_sqlite3.node')));
  }
  mkdirSync(dirname(target), { recursive: true });
  // By a rename: a process that runs with the old one keeps it.
  const part = `${target}.part`;
  copyFileSync(join(cached, 'better_sqlite3.node'), part);
  renameSync(part, target);
}
