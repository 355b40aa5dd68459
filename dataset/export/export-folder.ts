/** What lies in the folder that an export is to be written to: an earlier version, something else, or nothing. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { corpusOver, isCorpus, realPath } from '../corpus-place.ts';
import { leftOvers } from '../shards/container.ts';
import { type Manifest, manifestIn, manifestName } from '../shards/manifest.ts';
import { expected } from '../user-error.ts';
import { splits } from './split.ts';
import { domainsName, summaryDataName, summaryName } from './training-summary.ts';
import { changesName } from './versions.ts';

/**
 * The manifest of the export that is in the folder; null when there is none, or none that can be read and `rebuild` is set. Throws a
 * UserError when the folder is of another use: nothing that is not an export's is overwritten or deleted.
 */
export function previousExport(corpusDir: string, outDir: string, rebuild: boolean): Manifest | null {
  if (outDir === '') throw expected('a folder', 'out', '""', 'name one, which need not exist');
  requireFree(corpusDir, outDir);
  if (!existsSync(outDir)) return null;
  if (!statSync(outDir).isDirectory()) throw expected('a folder', 'out', `the file ${outDir}`, 'name another');
  const hasManifest = existsSync(join(outDir, manifestName));
  const isOurs = splits.some((split) => hasStats(join(outDir, split)));
  const manifest = manifestIn(outDir);
  if (!hasManifest || (rebuild && isOurs && manifest === null)) {
    const documents = ['README.md', 'croissant.json', 'funnel.svg', summaryName, summaryDataName, domainsName];
    const ours = new Set<string>([...splits, ...documents, changesName, ...projectMarks]);
    const foreign = readdirSync(outDir).filter((name) => ours.has(name) && !isEmptyFolder(join(outDir, name)));
    if (foreign.length === 0 || isOurs) return null;
    throw foreignFolder(outDir, foreign.join(', '));
  }
  if (manifest === null) {
    if (isOurs)
      throw expected(
        'a manifest that can be read',
        join(outDir, manifestName),
        'a damaged one',
        'export with --rebuild',
      );
    throw foreignFolder(outDir, manifestName);
  }
  if (manifest.configuration.source !== undefined) {
    throw expected('an empty folder or an export', outDir, 'shards of an import', 'name another with --out');
  }
  return manifest;
}

/** Throws a UserError for a corpus itself, for what lait keeps in it or in another one, and for what lies within another export. */
function requireFree(corpusDir: string, outDir: string): void {
  const [corpus, out] = [realPath(corpusDir), realPath(outDir)];
  if (out === realPath(join(corpus, 'shards'))) return;
  const over = out === corpus || isCorpus(out) ? out : corpusOver(out);
  if (over !== null) {
    const received = over === corpus ? `${outDir} of the corpus` : `${outDir} of corpus ${over}`;
    throw expected('a folder of its own', 'out', received, 'name another, or leave --out away');
  }
  for (let above = dirname(out); above !== dirname(above); above = dirname(above)) {
    if (manifestIn(above) === null) continue;
    throw expected('a folder of its own', 'out', `${outDir} within the export ${above}`, 'name another');
  }
}

const foreignFolder = (outDir: string, what: string) =>
  expected(
    'a new folder or one with an export',
    'out',
    `${outDir}, which has ${what} of something else`,
    'name another --out',
  );

/** By these a folder is known for that of a project, where nobody wants shards between the sources. */
const projectMarks = ['.git', '.hg', 'package.json', 'node_modules', 'pyproject.toml', 'Cargo.toml', 'go.mod'];

const isEmptyFolder = (path: string) => statSync(path).isDirectory() && readdirSync(path).length === 0;

/** Whether the folder holds a shard that lait has finished. */
function hasStats(folder: string): boolean {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return false;
  const name = readdirSync(folder).find((one) => /^\d+_stats\.json$/.test(one));
  return name !== undefined && readFileSync(join(folder, name), 'utf8').includes('"lait"');
}

/**
 * Throws a UserError where a versioned export was made with settings that would make other bytes, keys or splits of the same
 * pairs: the two would be mixed in one set. What decides only which pairs are in (the recipe, `gone`, a subset), where a shard closes
 * (`maxShardBytes`) or what the card says may change from version to version. A fixed export is written anew and mixes nothing.
 */
export function requireSameSettings(
  outDir: string,
  { configuration: made }: Manifest,
  now: Readonly<Record<string, unknown>> & { readonly layout: string },
): void {
  if (made.layout === 'fixed' && now.layout === 'fixed') return;
  const isIdle = (name: string) =>
    (made.encode === 'original' &&
      now.encode === 'original' &&
      ['resize', 'sizePx', 'onlyIfBigger', 'quality'].includes(name)) ||
    (made.resize === 'no' && now.resize === 'no' && ['sizePx', 'onlyIfBigger'].includes(name));
  if (made.layoutVersion !== now.layoutVersion) {
    const received = 'an export of another version of lait';
    throw expected('an export of this version', outDir, received, 'export into another --out, or with --rebuild');
  }
  const changes = Object.entries(now)
    .filter(([name, value]) => made[name] !== value && !isIdle(name))
    .map(([name, value]) => `${name} ${value} instead of ${made[name]}`);
  if (changes.length === 0) return;
  throw expected(
    'the settings of the version that is there',
    outDir,
    changes.join(', '),
    'export into another --out, or with --rebuild',
  );
}

/** Paths in the folder that the new version has not: of the version before, and left over by something killed. */
export function oldFiles(outDir: string, previous: Manifest | null, now: Manifest): string[] {
  const format = now.configuration.format as Parameters<typeof leftOvers>[2];
  const old = new Set(Object.keys(previous?.files ?? {}));
  for (const split of splits) {
    const folder = join(outDir, split);
    if (!existsSync(folder)) continue;
    const prefix = `${split}/`;
    const names = new Set(
      Object.keys(now.files).flatMap((path) =>
        path.startsWith(prefix) ? [path.slice(prefix.length).split(/[./_]/)[0]!] : [],
      ),
    );
    for (const name of [...leftOvers(folder, names, format), 'sizes.json', 'index.json']) old.add(prefix + name);
  }
  old.add('croissant.json');
  return [...old].filter((path) => now.files[path] === undefined && existsSync(join(outDir, path))).sort();
}
