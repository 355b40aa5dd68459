/**
 * Files into a repository of the Hugging Face hub, in one commit: whoever reads it has all of the version before or all of this one. What is there
 * with the same hash is not sent, and what an interrupted push has sent the hub still has, so that the same command goes on. Uploads go by Git LFS.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import type { CommitOperation, HubApiError, ListFileEntry, RepoId } from '@huggingface/hub';
import pRetry, { AbortError } from 'p-retry';
import { expected, UserError } from '../../dataset/user-error.ts';
import { type HubAddress, hubEndpoint, hubToken } from '../../model/formats/hub.ts';

/** A file to push: where it lies, and its hash where that is known. */
export interface PushedFile {
  readonly path: string;
  readonly sha256?: string;
}

export interface PushOptions {
  /** Of a repository that is made now; one that exists keeps what it is. */
  readonly isPublic: boolean;
  /** Title of the commit. */
  readonly title: string;
  /** Says which of the paths that are there are to go. `read` gives a file's bytes, null where it is not there. Throws where the repository is another's. */
  readonly old: (
    paths: readonly string[],
    read: (path: string) => Promise<Buffer | null>,
  ) => Promise<readonly string[]>;
  /** `accepted`: the repository takes them, and nothing is sent yet. `committing`: from now on a stop leaves open whether they are there. */
  readonly onPhase?: (phase: 'accepted' | 'committing') => void;
  readonly onProgress?: (done: { readonly bytes: number; readonly of: number }) => void;
  readonly signal: AbortSignal;
}

export interface PushSummary {
  readonly url: string;
  /** Of the commit; null where all was there already. */
  readonly commit: string | null;
  readonly put: number;
  readonly left: number;
  readonly removed: number;
  readonly bytes: number;
}

/** Attempts of a request that a busy hub or a broken connection has refused. Ours: four more, after 1, 2, 4 and 8 seconds. */
const retries = 4;
/** What is asked for again. The commit is not: whether it was made would not be known. */
const isRepeatable = (url: string): boolean => !/\/(commit|create)(\/|$|\?)/.test(url);

/** A server that asks to come again later. */
class Busy extends Error {}

/** `fetch` that tries again, and ends with the signal. */
const patientFetch =
  (signal: AbortSignal): typeof fetch =>
  (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    const both = init?.signal ? AbortSignal.any([signal, init.signal]) : signal;
    const once = async (): Promise<Response> => {
      const response = await fetch(input, { ...init, signal: both });
      if (isRepeatable(url) && (response.status === 429 || response.status >= 500)) {
        await response.body?.cancel();
        throw new Busy(`HTTP ${response.status} of ${new URL(url).host}`);
      }
      return response;
    };
    if (!isRepeatable(url)) return once();
    return pRetry(
      () => once().catch((error: Error) => Promise.reject(signal.aborted ? new AbortError(error) : error)),
      {
        retries,
        minTimeout: 1_000,
        signal,
      },
    );
  };

/** Pushes files by their paths in the repository. Throws a UserError without a token, and for what the hub refuses. */
export async function pushFiles(
  { type, name }: HubAddress,
  files: ReadonlyMap<string, PushedFile>,
  { isPublic, title, old, onPhase, onProgress, signal }: PushOptions,
): Promise<PushSummary> {
  // Late: five megabytes that nobody else needs.
  const hub = await import('@huggingface/hub');
  const hubUrl = hubEndpoint();
  const accessToken = requireToken(hubUrl);
  const repo: RepoId = { type, name };
  const asked = { repo, hubUrl, accessToken, fetch: patientFetch(signal) };
  const url = `${hubUrl}/${type === 'dataset' ? 'datasets/' : ''}${name}`;
  try {
    const info = await (type === 'dataset' ? hub.datasetInfo({ ...asked, name, additionalFields: ['sha'] }) : hub.modelInfo({ ...asked, name, additionalFields: ['sha'] })).catch(orAbsent); // biome-ignore format: one line
    if (info?.private && isPublic)
      throw expected('a public repository', url, 'a private one', 'change that on its page, or leave --public out');
    const there = new Map<string, ListFileEntry>();
    if (info === null) await hub.createRepo({ ...asked, visibility: isPublic ? 'public' : 'private' });
    else {
      for await (const entry of hub.listFiles({ ...asked, recursive: true })) {
        if (entry.type === 'file') there.set(entry.path, entry);
      }
    }
    const removed = await old([...there.keys()], async (path) => {
      const found = there.has(path) ? await hub.downloadFile({ ...asked, path }) : null;
      return found === null ? null : Buffer.from(await found.arrayBuffer());
    });
    onPhase?.('accepted');
    const operations: CommitOperation[] = removed.map((path) => ({ operation: 'delete', path }));
    const sizes = new Map<string, number>();
    let left = 0;
    for (const [path, file] of files) {
      signal.throwIfAborted();
      if (await isSame(there.get(path), file)) left += 1;
      else {
        sizes.set(path, statSync(file.path).size);
        operations.push({ operation: 'addOrUpdate', path, content: pathToFileURL(file.path) });
      }
    }
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    if (operations.length === 0) return { url, commit: null, put: 0, left, removed: 0, bytes };
    signal.throwIfAborted();
    const committing = hub.commitIter({
      ...{ ...asked, title, operations, abortSignal: signal, useXet: false },
      // Another push meanwhile is noticed, and nothing is committed.
      ...(info?.sha && { parentCommit: info.sha }),
    });
    const done = new Map<string, number>();
    let step = await committing.next();
    for (; !step.done; step = await committing.next()) {
      const event = step.value;
      if (event.event === 'phase' && event.phase === 'committing') onPhase?.('committing');
      if (event.event !== 'fileProgress' || event.state !== 'uploading') continue;
      done.set(event.path, event.progress * (sizes.get(event.path) ?? 0));
      onProgress?.({ bytes: [...done.values()].reduce((sum, one) => sum + one, 0), of: bytes });
    }
    return { url, commit: step.value?.commit.oid ?? null, put: sizes.size, left, removed: removed.length, bytes };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof hub.HubApiError) throw refused(error, url, hubUrl);
    if (error instanceof TypeError || error instanceof Busy) {
      const cause = error.cause as NodeJS.ErrnoException | undefined;
      throw new UserError(`Expected the hub to answer at ${hubUrl} but received ${cause?.code ?? error.message}; run the same command again to go on.`, { exitCode: 1, cause: error }); // biome-ignore format: one line
    }
    throw error;
  }

  /** null where there is no such repository: the hub says 401 of one that the token may not see. */
  function orAbsent(error: unknown): null {
    if (error instanceof hub.HubApiError && error.statusCode === 404) return null;
    throw error;
  }
}

function requireToken(hubUrl: string): string {
  const token = hubToken();
  const advice = `make one that may write at ${hubUrl}/settings/tokens`;
  if (token === undefined)
    throw expected("a token of the hub in HF_TOKEN or Hugging Face's file", 'push', 'none', advice);
  if (!token.startsWith('hf_')) throw expected('a token that begins with hf_', 'HF_TOKEN', 'another', advice);
  return token;
}

const refusals: Readonly<Record<number, string>> = {
  401: 'the token is not valid there, or may not see it',
  403: 'the token may not write there',
  409: 'it changed meanwhile; run the same command again',
  412: 'another push came meanwhile; run the same command again',
  413: 'it is too large for the hub',
};

/** Of the hub, or of the store that it sends files to: what that says is not about the token, and its URLs hold signatures. */
function refused(
  { statusCode, message, url: asked }: Pick<HubApiError, 'statusCode' | 'message' | 'url'>,
  url: string,
  hubUrl: string,
): UserError {
  const { origin, host } = new URL(asked || hubUrl);
  const isStore = origin !== new URL(hubUrl).origin;
  const reason = isStore
    ? `${host}, where the hub keeps large files, refused it; run the same command again`
    : (refusals[statusCode] ?? message);
  return new UserError(`Expected ${url} to take it but received HTTP ${statusCode}: ${reason}.`, {
    exitCode: isStore || statusCode >= 500 ? 1 : 2,
  });
}

/** Whether the hub has these bytes: of a large file it knows the SHA-256, of others Git's hash of a blob. */
async function isSame(there: ListFileEntry | undefined, { path, sha256 }: PushedFile): Promise<boolean> {
  if (there === undefined) return false;
  const { size } = statSync(path);
  if ((there.lfs?.size ?? there.size) !== size) return false;
  if (there.lfs) return there.lfs.oid === (sha256 ?? (await hashOf(path, createHash('sha256'))));
  return there.oid === (await hashOf(path, createHash('sha1').update(`blob ${size}\0`)));
}

async function hashOf(path: string, hash: ReturnType<typeof createHash>): Promise<string> {
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
