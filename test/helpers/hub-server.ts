/**
 * A hub on this machine that speaks what @huggingface/hub asks of the real one: repositories, listing, preupload, Git LFS by one PUT or in
 * parts, commits that are made whole or not at all, and files of a branch or a commit by `resolve`, large ones by way of the store.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Repository {
  readonly isPrivate: boolean;
  sha: string;
  files: Map<string, { readonly bytes: Buffer; readonly isLarge: boolean }>;
}

/** A status and a body as JSON. */
type Answer = readonly [status: number, value: unknown];

export interface HubServer {
  readonly endpoint: string;
  /** By `models/OWNER/NAME` or `datasets/OWNER/NAME`. */
  readonly repositories: Map<string, Repository>;
  /** `METHOD PATH` of every request, in order. */
  readonly asked: string[];
  /** Is called before each PUT of bytes; may wait, or answer with a status. */
  onPut: (number: number) => Promise<number | undefined> | number | undefined;
  /** Is called before each commit is made. */
  onCommit: () => void;
  close(): Promise<void>;
}

export const hubTestToken = 'hf_test_token';

/** Files of these endings go by LFS, as `.gitattributes` of the hub has it; larger ones than `partBytes` in parts. */
const isLarge = (path: string): boolean => /\.(tar|parquet|safetensors|webp|png)$/.test(path);
const partBytes = 20_000;

const hashed = (name: string, ...parts: (string | Buffer)[]): string => {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

export async function startHub(): Promise<HubServer> {
  const repositories = new Map<string, Repository>();
  const stored = new Map<string, Buffer>();
  const parts = new Map<string, Buffer>();
  const asked: string[] = [];
  /** Files by the commit that they were read at. */
  const versions = new Map<string, Repository['files']>();
  let puts = 0;
  // The store is another server, as it is of the real hub.
  const servers = [0, 1].map(() =>
    createServer((request, response) => {
      answer(request, response).catch((error: Error) => response.writeHead(500).end(error.stack));
    }),
  );
  for (const server of servers) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const [endpoint, storeEndpoint] = servers.map(
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  ) as [string, string];
  const hub: HubServer = {
    ...{ endpoint, repositories, asked, onPut: () => undefined, onCommit: () => undefined },
    close: async () => {
      for (const server of servers) {
        await new Promise((done) => {
          server.close(done);
          server.closeAllConnections();
        });
      }
    },
  };
  return hub;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, endpoint);
    asked.push(`${request.method} ${pathname}`);
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    const body = await bodyOf(request);
    const [, store, oid = '', part = ''] = /^\/store\/(get|put|part|complete)\/([0-9a-f]{64})(?:\/(\d+))?$/.exec(pathname) ?? []; // biome-ignore format: one line
    if (store !== undefined) {
      // The store is not the hub: whoever sends it the token gives that away.
      if (request.headers.authorization !== undefined) return json(400, { error: 'a token for the store' });
      if (store === 'get') return send(request, response, stored.get(oid)!);
      if (store === 'complete') {
        const { parts: sent } = JSON.parse(body.toString()) as { parts: { partNumber: number; etag: string }[] };
        const all = sent.map(({ partNumber }) => parts.get(`${oid}/${partNumber}`) ?? Buffer.alloc(0));
        const areKnown = sent.every(({ etag }, at) => etag === `"${hashed('md5', all[at]!)}"`);
        return json(...(areKnown ? keep(oid, Buffer.concat(all)) : ([400, { error: 'another etag' }] as const)));
      }
      puts += 1;
      const refusal = await hub.onPut(puts);
      if (refusal !== undefined) return json(refusal, { error: 'busy' });
      if (store === 'put') return json(...keep(oid, body));
      parts.set(`${oid}/${part}`, body);
      response.writeHead(200, { etag: `"${hashed('md5', body)}"` }).end();
      return;
    }
    if (request.headers.authorization !== `Bearer ${hubTestToken}`) return json(401, { error: 'Invalid credentials' });
    if (pathname === '/api/repos/create') {
      const { type, organization, name, visibility } = JSON.parse(body.toString()) as Record<string, string>;
      const id = `${type}s/${organization}/${name}`;
      if (repositories.has(id)) return json(409, { error: 'You already created this repo' });
      const files = new Map([['.gitattributes', { bytes: Buffer.from('*.tar filter=lfs\n'), isLarge: false }]]);
      repositories.set(id, { isPrivate: visibility === 'private', sha: hashed('sha1', id), files });
      return json(200, { url: `${endpoint}/${id}`, id });
    }
    const [, id, action, rest = ''] = /^\/api\/((?:models|datasets)\/[\w.-]+\/[\w.-]+)\/(revision|tree|preupload|commit)\/\w+(.*)$/.exec(pathname) ?? []; // biome-ignore format: one line
    if (id !== undefined) {
      const repository = repositories.get(id);
      if (repository === undefined) return json(404, { error: 'Repository not found' });
      versions.set(repository.sha, repository.files);
      if (action === 'revision')
        return json(200, { _id: id, id: id.split('/').slice(1).join('/'), private: repository.isPrivate, sha: repository.sha }); // biome-ignore format: one line
      if (action === 'tree' && rest === '') return json(200, [...repository.files].map(entryOf));
      if (action === 'preupload') {
        const { files } = JSON.parse(body.toString()) as { files: { path: string }[] };
        return json(200, { files: files.map(({ path }) => ({ path, uploadMode: isLarge(path) ? 'lfs' : 'regular' })) });
      }
      if (action === 'commit') {
        hub.onCommit();
        return json(...commit(repository, body.toString()));
      }
    }
    const [, repositoryPath, isBatch, revision = '', file] = /^\/((?:datasets\/)?[\w.-]+\/[\w.-]+?)(?:(\.git\/info\/lfs\/objects\/batch)|\/resolve\/(\w+)\/(.+))$/.exec(pathname) ?? []; // biome-ignore format: one line
    if (isBatch !== undefined) {
      const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] };
      return json(200, { transfer: 'basic', objects: objects.map(uploadOf) });
    }
    const name = repositoryPath?.startsWith('datasets/') ? repositoryPath : `models/${repositoryPath}`;
    const repository = repositories.get(name);
    const files = revision === 'main' ? repository?.files : versions.get(revision);
    const found = files?.get(decodeURIComponent(file ?? ''));
    if (found === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
      return;
    }
    if (!found.isLarge) return send(request, response, found.bytes);
    const kept = hashed('sha256', found.bytes);
    stored.set(kept, found.bytes);
    response.writeHead(302, { location: `${storeEndpoint}/store/get/${kept}?signature=secret` }).end();
  }

  /** Sends bytes, or the range of them that is asked for. */
  function send(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const end = Math.min(bytes.length, to === '' ? Number.POSITIVE_INFINITY : Number(to) + 1);
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      etag: `"${hashed('sha1', bytes)}"`,
      'content-range': `bytes ${from}-${end - 1}/${bytes.length}`,
    });
    response.end(bytes.subarray(Number(from), end));
  }

  /** Keeps what was sent, if it is what was announced. */
  function keep(announced: string, bytes: Buffer): Answer {
    if (hashed('sha256', bytes) !== announced) return [400, { error: 'another hash' }];
    stored.set(announced, bytes);
    return [200, {}];
  }

  /** All operations or none. */
  function commit(repository: Repository, lines: string): Answer {
    const files = new Map(repository.files);
    for (const line of lines.split('\n')) {
      const { key, value } = JSON.parse(line) as { key: string; value: Record<string, string> };
      if (key === 'header' && value.parentCommit !== undefined && value.parentCommit !== repository.sha)
        return [412, { error: 'A commit has happened since' }];
      if (key === 'deletedFile') files.delete(value.path!);
      if (key === 'file') files.set(value.path!, { bytes: Buffer.from(value.content!, 'base64'), isLarge: false });
      if (key === 'lfsFile') {
        const bytes = stored.get(value.oid!);
        if (bytes === undefined) return [422, { error: `${value.path} was not uploaded` }];
        files.set(value.path!, { bytes, isLarge: true });
      }
    }
    repository.files = files;
    repository.sha = hashed('sha1', repository.sha, lines);
    const commitUrl = `${endpoint}/commit/${repository.sha}`;
    return [200, { success: true, commitOid: repository.sha, commitUrl, hookOutput: '' }];
  }

  function entryOf([path, { bytes, isLarge: byLfs }]: [string, { bytes: Buffer; isLarge: boolean }]) {
    const entry = { type: 'file', path, size: bytes.length, oid: hashed('sha1', `blob ${bytes.length}\0`, bytes) };
    return byLfs
      ? {
          ...entry,
          oid: hashed('sha1', path),
          lfs: { oid: hashed('sha256', bytes), size: bytes.length, pointerSize: 130 },
        }
      : entry;
  }

  function uploadOf({ oid, size }: { readonly oid: string; readonly size: number }) {
    if (stored.has(oid)) return { oid, size };
    if (size <= partBytes)
      return { oid, size, actions: { upload: { href: `${storeEndpoint}/store/put/${oid}?signature=secret` } } };
    const count = Math.ceil(size / partBytes);
    const urls = Array.from({ length: count }, (_, at) => [String(at + 1).padStart(5, '0'), `${storeEndpoint}/store/part/${oid}/${at + 1}?signature=secret`]); // biome-ignore format: one line
    const header = { chunk_size: String(partBytes), ...Object.fromEntries(urls) };
    return {
      oid,
      size,
      actions: { upload: { href: `${storeEndpoint}/store/complete/${oid}?signature=secret`, header } },
    };
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
