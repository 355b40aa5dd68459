/**
 * An internet in a box: inside a network and mount namespace of its own, public names resolve to public-looking addresses
 * on `lo`, served over http and https (HTTP/2 where the client speaks it) with certificates of a CA made on the spot, which Node
 * trusts through NODE_EXTRA_CA_CERTS; Chromium asks for nothing by itself. Nothing leaves the machine: the namespace has no
 * other interface.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { answer, type Route } from '../helpers/site.ts';

/** One machine of the internet. */
export interface Host {
  /** Names that resolve to it; an IDN in its ASCII form. */
  readonly names: readonly string[];
  readonly routes: Readonly<Record<string, Route>>;
  /** What port 80 does: sends to https (as most sites) or serves the same. */
  readonly http?: 'redirect' | 'serve';
  /** Speaks HTTP/2 alone on port 443. */
  readonly isHttp2Only?: boolean;
  /** Waits so long before each answer. */
  readonly delayMs?: number;
}

/** A request as a host received it. */
export interface Request {
  readonly atMs: number;
  readonly host: string;
  readonly path: string;
  readonly userAgent: string;
  readonly httpVersion: string;
}

export interface Internet {
  /** In the order of their coming. */
  readonly requests: readonly Request[];
  /** For commands that use this internet: the CA, a home folder. */
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** Whether this process is in a namespace without a way out; only there is /etc/hosts bound over. */
export function assertInBox(): void {
  const outside = process.env.BOX_OUTSIDE_NET;
  const isApart = outside !== undefined && readlinkSync('/proc/self/ns/net') !== outside;
  if (!isApart || Object.keys(networkInterfaces()).some((name) => name !== 'lo')) {
    throw new Error(
      'Expected a network namespace with loopback alone; run test/internet/internet.test.ts, which makes one.',
    );
  }
}

/** Builds the internet of these hosts: from 93.184.216.1 on, an address each. */
export async function openInternet(hosts: readonly Host[]): Promise<Internet> {
  assertInBox();
  const dir = mkdtempSync(join(tmpdir(), 'lait-internet-'));
  const names = hosts.flatMap((host) => host.names);
  const certificate = makeCertificate(dir, names);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const addresses = hosts.map((_, index) => `93.184.216.${index + 1}`);
  for (const address of addresses) execFileSync('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo']);
  const lines = hosts.map((host, index) => `${addresses[index]} ${host.names.join(' ')}`);
  writeFileSync(join(dir, 'hosts'), `127.0.0.1 localhost\n${lines.join('\n')}\n`);
  execFileSync('mount', ['--bind', join(dir, 'hosts'), '/etc/hosts']);

  const requests: Request[] = [];
  const servers: Server[] = [];
  for (const [index, host] of hosts.entries()) {
    const listener = (req: IncomingMessage, res: ServerResponse): void => {
      const name = String(req.headers[':authority'] ?? req.headers.host);
      const { url: path = '/', httpVersion } = req;
      requests.push({ atMs: Date.now(), host: name, path, userAgent: req.headers['user-agent'] ?? '', httpVersion });
      setTimeout(() => void answer(host, req, res), host.delayMs ?? 0);
    };
    const secure = createSecureServer({ ...certificate, allowHTTP1: !host.isHttp2Only }, (req, res) =>
      listener(req as unknown as IncomingMessage, res as unknown as ServerResponse),
    );
    const plain = createServer((req, res) => {
      if (host.http === 'serve') listener(req, res);
      else res.writeHead(301, { location: `https://${req.headers.host}${req.url}` }).end();
    });
    for (const [server, port] of [
      [secure, 443],
      [plain, 80],
    ] as const) {
      await new Promise<void>((resolve) => server.listen(port, addresses[index], resolve));
      servers.push(server);
    }
  }
  return {
    requests,
    env: { HOME: join(dir, 'home'), NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem') },
    async close() {
      for (const server of servers) {
        server.close();
        if ('closeAllConnections' in server) (server as import('node:http').Server).closeAllConnections();
      }
      execFileSync('umount', ['/etc/hosts']);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A CA and one certificate of it for all names. */
function makeCertificate(dir: string, names: readonly string[]): { readonly key: Buffer; readonly cert: Buffer } {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '3', '-subj', '/CN=box CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...key, '-subj', '/CN=box', '-keyout', 'site.key', '-out', 'site.csr');
  writeFileSync(join(dir, 'names'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`);
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
  openssl('x509', '-req', '-in', 'site.csr', ...signing, '-out', 'site.pem');
  mkdirSync(join(dir, 'home'));
  return { key: readFileSync(join(dir, 'site.key')), cert: readFileSync(join(dir, 'site.pem')) };
}
