/** A real S3 server for tests: versitygw or moto's, whichever is installed; and what can go wrong between it and us, on request. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from '../helpers/free-port.ts';

const accessKey = 'lait-test-key';
const secret = 'lait-test-secret-that-nobody-may-see';

/** Where CI puts moto, and where Go puts what it installs. */
const folders = [
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lait/moto/bin'),
  join(process.env.GOBIN ?? join(homedir(), 'go/bin')),
  ...(process.env.PATH ?? '').split(delimiter),
];
const find = (name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find((path) => existsSync(path));

const versitygw = find('versitygw');
const moto = find('moto_server');

/** For `skip` of tests: false where there is a server. */
export const noS3Server: string | false =
  versitygw === undefined && moto === undefined && 'no versitygw and no moto_server: `.ci/run` installs one';

export interface S3Server {
  /** As AWS_ENDPOINT_URL has it. */
  readonly endpoint: string;
  /** The server without what can go wrong before it. */
  readonly direct: string;
  /** What a process needs to reach it by AWS' own names. */
  readonly env: Readonly<Record<string, string>>;
  /** By default nothing goes wrong. */
  fault: Fault;
  /** Requests as `GET /bucket/key`, with the range where there is one. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** What becomes of a request: nothing special, no connection at all, an answer cut after so many bytes, or an answer of the test's. */
export type Fault = (asked: {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
}) =>
  | null
  | 'refuse'
  | { readonly cutAfterBytes: number }
  | { readonly status: number; readonly code: string; readonly date?: Date };

/** Starts a server with a bucket `birds` behind a proxy, and gives this process its address and keys. */
export async function startS3(): Promise<S3Server> {
  const data = mkdtempSync(join(tmpdir(), 'lait-s3-'));
  const port = await freePort();
  const child = spawnServer(port, data);
  const asked: string[] = [];
  const server = { fault: (() => null) as Fault };
  const proxy = createServer((from, to) => {
    const { method = '', url = '', headers } = from;
    asked.push(`${method} ${url}${headers.range === undefined ? '' : ` ${headers.range}`}`);
    const fault = server.fault({ method, url, range: headers.range });
    if (fault === 'refuse') return void from.socket.destroy();
    if (fault !== null && 'status' in fault) return refuse(from, to, fault);
    forward(from, to, port, fault?.cutAfterBytes);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const env = { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: 'us-east-1', AWS_EC2_METADATA_DISABLED: 'true' }; // biome-ignore format: one line
  Object.assign(process.env, env);
  await makeBucket(`http://127.0.0.1:${port}`, child);
  return {
    ...{ endpoint, env, asked, direct: `http://127.0.0.1:${port}` },
    get fault() {
      return server.fault;
    },
    set fault(fault) {
      server.fault = fault;
    },
    async close() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(data, { recursive: true, force: true });
    },
  };
}

function spawnServer(port: number, data: string): ChildProcess {
  const quiet = {
    stdio: 'ignore',
    env: { ...process.env, ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secret },
  } as const;
  if (versitygw !== undefined) return spawn(versitygw, ['--port', `127.0.0.1:${port}`, 'posix', data], quiet);
  // pip's --target puts packages beside bin/.
  const env = { ...quiet.env, PYTHONPATH: dirname(dirname(moto!)) };
  return spawn(moto!, ['-H', '127.0.0.1', '-p', String(port)], { ...quiet, env });
}

/** When the server is up, it has a bucket. */
async function makeBucket(endpoint: string, child: ChildProcess): Promise<void> {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secret };
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The S3 server ended with ${child.exitCode}.`);
    try {
      await client.send(new CreateBucketCommand({ Bucket: 'birds' }));
      return client.destroy();
    } catch (error) {
      if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function forward(
  from: IncomingMessage,
  to: ServerResponse,
  port: number,
  cutAfterBytes = Number.POSITIVE_INFINITY,
): void {
  const { method, url, headers } = from;
  const onward = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    to.writeHead(answer.statusCode ?? 500, answer.headers);
    let left = cutAfterBytes;
    answer.on('data', (chunk: Buffer) => {
      if (left > 0) to.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) setImmediate(() => to.socket?.destroy());
    });
    answer.on('end', () => to.end());
  });
  onward.on('error', () => to.socket?.destroy());
  from.pipe(onward);
}

function refuse(
  from: IncomingMessage,
  to: ServerResponse,
  { status, code, date }: { status: number; code: string; date?: Date },
): void {
  from.resume();
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>told by the test</Message><RequestId>1</RequestId></Error>`;
  to.writeHead(status, {
    'content-type': 'application/xml',
    connection: 'close',
    ...(date && { date: date.toUTCString() }),
  });
  to.end(from.method === 'HEAD' ? undefined : body);
}
