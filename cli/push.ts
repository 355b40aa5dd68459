/** `lait push`: an export of a corpus, or a run, to the Hugging Face hub with its card. */
import { join, resolve } from 'node:path';
import { withCleanup } from '../dataset/cleanup.ts';
import { isOwnShards, lockFolder, lockPart } from '../dataset/corpus-lock.ts';
import { printablePath } from '../dataset/escape.ts';
import { isShardFile, requireDescent } from '../dataset/export/publish.ts';
import { rememberPush } from '../dataset/export/pushed.ts';
import { manifestName, parseManifest, readManifest } from '../dataset/shards/manifest.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { type HubAddress, hubAddress, hubScheme } from '../model/formats/hub.ts';
import { runFiles } from '../model/train/checkpoint.ts';
import type { PushFlags } from './call-flags.ts';
import { type CorpusContext, Interrupted, type Nothing, requirePath, sayWaiting } from './command.ts';
import type { PushedFile, PushOptions, PushSummary } from './hub/push-files.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';

/** Files of a repository that are nobody's: the hub makes them. */
const ofHub: readonly string[] = ['.gitattributes', 'README.md'];

export async function push({ corpusDir, args, flags, signal, print }: CorpusContext<PushFlags>): Promise<void> {
  const { out, run, checkpoint, license, public: isPublic, ...others } = flags;
  others satisfies Nothing;
  const [text = ''] = args;
  const address = hubAddress(text);
  if (address === null || address.revision !== undefined)
    throw expected('hf://datasets/OWNER/NAME for an export or hf://OWNER/NAME for a run', 'push', text, 'write it so');
  const refuse = (given: Readonly<Record<string, unknown>>, what: string): void => {
    const name = Object.keys(given).find((one) => given[one] !== undefined);
    if (name) throw new UserError(`--${name} has no effect with ${what}; leave it out, or change that.`);
  };
  if (address.type === 'dataset') refuse({ run, checkpoint, license }, 'hf://datasets/…, which takes an export');
  else refuse({ out }, 'hf://OWNER/NAME, which takes a run');
  if (run?.startsWith(hubScheme)) refuse({ checkpoint }, `--run ${run}, which has one checkpoint`);
  let mayBeThere = false;
  const progress = startProgress(`Pushing to ${text}`);
  try {
    const summary = await withCleanup(async (defer) => {
      const send = async (
        files: ReadonlyMap<string, PushedFile>,
        options: Pick<PushOptions, 'title' | 'old'>,
      ): Promise<PushSummary> => {
        const { pushFiles } = await import('./hub/push-files.ts');
        return pushFiles(address, files, {
          ...{ ...options, isPublic, signal },
          onPhase: (phase) => {
            mayBeThere = phase === 'committing';
            // Before anything is there: what is taken down later may be there.
            if (address.type === 'dataset') rememberPush(corpusDir, text);
          },
          onProgress: ({ bytes, of }) =>
            progress.update({ done: Math.round(bytes / 1e6), total: Math.round(of / 1e6), detail: 'MB' }),
        });
      };
      if (address.type === 'model') {
        const { preparedRun } = await import('./hub/run-files.ts');
        const prepared = await preparedRun({ corpusDir, run, checkpoint, license, address, defer });
        return send(prepared.files, { title: prepared.title, old: oldOfRun(prepared.files, address) });
      }
      const folder = resolve(out ?? join(corpusDir, 'shards'));
      requirePath(join(folder, manifestName), 'an export', 'run `lait export` first, or name one by --out');
      await settleInTurn(folder, { signal, onWait: sayWaiting });
      defer(isOwnShards(corpusDir, folder) ? lockPart(corpusDir, 'shards') : lockFolder(folder));
      return send(exportFiles(folder), { title: titleOf(folder), old: oldOfExport(folder, address) });
    });
    progress.stop();
    const { url, put, left, removed, bytes, commit } = summary;
    print(summary, () =>
      commit === null
        ? `${printablePath(url)}: all ${count(left)} files are there already`
        : `${printablePath(url)}: ${count(put)} files put (${megabytes(bytes)}), ${count(left)} there already, ${count(removed)} removed; commit ${commit.slice(0, 12)}`,
    );
  } catch (error) {
    if (signal.aborted) {
      const told = mayBeThere ? 'it may have been committed, the same command tells' : 'nothing was committed, the same command goes on'; // biome-ignore format: one line
      throw new Interrupted(`stopped by the operator; ${told}`);
    }
    throw error;
  } finally {
    progress.stop();
  }
}

/** The files of an export by their paths, its manifest with them. */
function exportFiles(folder: string): Map<string, PushedFile> {
  const files = new Map<string, PushedFile>();
  for (const [path, { sha256 }] of Object.entries(readManifest(folder).files))
    files.set(path, { path: join(folder, path), sha256 });
  return files.set(manifestName, { path: join(folder, manifestName) });
}

function titleOf(folder: string): string {
  const { export: version, samples } = readManifest(folder);
  const total = Object.values(samples).reduce((sum, one) => sum + one, 0);
  return `${version === undefined ? 'Export' : `Version ${version.version}`}: ${count(total)} samples`;
}

/** Files of the version before that this one has not. Throws a UserError where the repository holds something else. */
const oldOfExport =
  (folder: string, { name }: HubAddress): PushOptions['old'] =>
  async (paths, read) => {
    const now = readManifest(folder);
    const bytes = await read(manifestName);
    const before = bytes === null ? null : parseManifest(bytes);
    const place = `hf://datasets/${name}`;
    if (before !== null) requireDescent(before, now, place);
    const isKnown = (path: string) => before?.files[path] !== undefined || isShardFile(path);
    const isOurs = (path: string) => path === manifestName || now.files[path] !== undefined || isKnown(path);
    const foreign = paths.find((path) => !ofHub.includes(path) && !isOurs(path));
    if ((before === null && bytes !== null) || (bytes === null && foreign !== undefined))
      throw expected('a new repository or one with an export of lait', place, `one with ${foreign ?? manifestName}`, 'name another'); // biome-ignore format: one line
    // What somebody has put beside an export stays.
    return paths.filter((path) => isKnown(path) && now.files[path] === undefined && !ofHub.includes(path));
  };

/** Files of the run before that this one has not: it would be read with them. Throws a UserError where the repository holds no run of lait. */
const oldOfRun =
  (files: ReadonlyMap<string, PushedFile>, { name }: HubAddress): PushOptions['old'] =>
  async (paths, read) => {
    const config = await read('config.json');
    const isRun = config !== null && /"lait"/.test(config.toString('utf8'));
    const foreign = paths.find((path) => !ofHub.includes(path));
    if (!isRun && foreign !== undefined)
      throw expected(
        'a new repository or one with a run of lait',
        `hf://${name}`,
        `one with ${foreign}`,
        'name another',
      );
    // What somebody has put beside a run stays.
    const known: readonly string[] = [...runFiles.needed, ...runFiles.optional];
    return paths.filter((path) => known.includes(path) && !files.has(path));
  };
