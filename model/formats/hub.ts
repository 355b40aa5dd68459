/**
 * Files of a repository of the Hugging Face hub, into the cache once: `hf://OWNER/NAME[@REVISION]`, the addresses of huggingface_hub's file
 * system. `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HOME` mean what they mean there.
 */
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readBounded } from '../../dataset/bounded-file.ts';
import { expected } from '../../dataset/user-error.ts';
import { defaultCacheDir, type EnsureOptions, removeAbandoned, workFolder } from './cache.ts';

export const hubScheme = 'hf://';
const address = /^hf:\/\/(datasets\/)?(?!datasets\/)([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w-][\w.-]*))?$/;

export interface HubAddress {
  readonly type: 'model' | 'dataset';
  /** `OWNER/NAME` */
  readonly name: string;
  readonly revision?: string;
}

/** What an address names; null for none of the hub's. */
export function hubAddress(text: string): HubAddress | null {
  const [, datasets, name, revision] = address.exec(text) ?? [];
  return name === undefined
    ? null
    : { type: datasets ? 'dataset' : 'model', name, ...(revision !== undefined && { revision }) };
}

const defaultEndpoint = 'https://huggingface.co';

export const hubEndpoint = (): string => (process.env.HF_ENDPOINT || defaultEndpoint).replace(/\/$/, '');

/** The operator's token; undefined for none. It goes to the hub and nowhere else. Throws a UserError for one that no request can hold. */
export function hubToken(): string | undefined {
  const { HF_TOKEN, HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME } = process.env;
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  const path = HF_TOKEN_PATH || join(home, 'token');
  const token = (HF_TOKEN || (existsSync(path) ? readFileSync(path, 'utf8') : '')).trim();
  // Whoever sends it would be told of it in full.
  if (!/^[\x21-\x7e]*$/.test(token))
    throw expected('a token on one line, of ASCII alone', HF_TOKEN ? 'HF_TOKEN' : path, 'another', 'copy it again');
  return token || undefined;
}

/** What is fetched beside `config.json`. */
export interface HubFiles {
  readonly needed: readonly string[];
  /** Taken where they are there. */
  readonly optional?: readonly string[];
}

/**
 * The folder of a model in the cache, with its `config.json` and the files that `choose` names when it has read that. Throws a UserError for another
 * address, for a model that `choose` does not take (null), and where the hub does not give a file. All files are of one commit. `what` names
 * what is wanted.
 */
export async function ensureHubFiles(
  name: string,
  { what, choose }: { readonly what: string; readonly choose: (config: unknown) => HubFiles | null },
  options: EnsureOptions = {},
): Promise<string> {
  const { cacheDir = defaultCacheDir(), onProgress, signal } = options;
  const { type, name: repository, revision = 'main' } = hubAddress(name) ?? {};
  if (repository === undefined || type !== 'model') {
    throw expected('hf://OWNER/NAME', what, name, 'write it so, with @REVISION if you like');
  }
  const endpoint = hubEndpoint();
  // The same name of another hub is another model.
  const ofHub = endpoint === defaultEndpoint ? [] : [encodeURIComponent(endpoint.replace(/^https?:\/\//, ''))];
  const folder = join(cacheDir, 'hub', ...ofHub, `${repository.replace('/', '--')}@${revision}`);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  await removeAbandoned(cacheDir);
  const work = await workFolder(cacheDir);
  const token = hubToken();
  const ask = (url: string, method = 'GET'): Promise<Response> =>
    fetch(url, {
      method,
      ...(token && { headers: { authorization: `Bearer ${token}` } }),
      ...(signal && { signal }),
    }).catch((error: Error) => {
      if (signal?.aborted) throw error;
      const cause = error.cause as NodeJS.ErrnoException | undefined;
      throw expected('the hub to answer', url, cause?.code ?? error.message, 'copy the folder here and name it');
    });
  /**
   * The commit that the revision names now, as huggingface_hub's `snapshot_download` asks for it: a push meanwhile moves a branch. A mirror that
   * serves files alone says it with each file.
   */
  const commitNow = async (): Promise<string> => {
    if (isCommit(revision)) return revision;
    const url = `${endpoint}/api/models/${repository}/revision/${revision}`;
    const response = await ask(url);
    const answer = (await response.json().catch(() => null)) as { readonly sha?: unknown } | null;
    if (response.status === 404) {
      const file = await ask(`${endpoint}/${repository}/resolve/${revision}/config.json`, 'HEAD');
      const commit = file.headers.get('x-repo-commit');
      if (file.ok && isCommit(commit)) return commit;
    }
    if (!response.ok) throw expected(what, url, `HTTP ${response.status}`, 'choose a model that is there');
    if (!isCommit(answer?.sha))
      throw expected('the hub to name a commit', url, 'none', 'copy the folder here and name it');
    return answer.sha;
  };
  const take = async (file: string, isNeeded: boolean, commit: string): Promise<void> => {
    const url = `${endpoint}/${repository}/resolve/${commit}/${file}`;
    const response = await ask(url);
    if (response.status === 404 && !isNeeded) {
      await response.body?.cancel();
      return;
    }
    if (!response.ok || !response.body) {
      throw expected(`a file of ${what}`, url, `HTTP ${response.status}`, 'choose a model that has it');
    }
    const downloadBytes = Number(response.headers.get('content-length') ?? 0);
    onProgress?.({ package: `${repository}/${file}`, step: 'download', downloadBytes });
    await mkdir(dirname(join(work, file)), { recursive: true });
    await pipeline(Readable.fromWeb(response.body as never), createWriteStream(join(work, file)));
  };
  try {
    const commit = await commitNow();
    await take('config.json', true, commit);
    const files = choose(configOf(join(work, 'config.json')));
    if (files === null) throw expected(what, name, 'another model', 'choose one');
    for (const file of files.needed) await take(file, true, commit);
    for (const file of files.optional ?? []) await take(file, false, commit);
    await rename(work, folder).catch((error: unknown) => {
      // Another process was faster.
      if (!existsSync(folder)) throw error;
    });
    onProgress?.({ package: repository, step: 'ready', downloadBytes: 0 });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const isCommit = (name: unknown): name is string => typeof name === 'string' && /^[0-9a-f]{40}$/.test(name);

/** Null where it is no JSON. */
function configOf(path: string): unknown {
  try {
    return JSON.parse(readBounded(path).toString());
  } catch {
    return null;
  }
}
