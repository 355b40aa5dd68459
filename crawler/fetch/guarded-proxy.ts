/**
 * A forward proxy on loopback that the browser sends every request through, so that the address guard sees also what
 * scripts, frames and redirects ask for (Playwright's route handlers are not called again for redirect hops). It
 * connects only to addresses that the guard has checked.
 */
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { AddressGuard } from './address-guard.ts';

export interface GuardedProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the proxy on a free port of 127.0.0.1. */
export async function startGuardedProxy(guard: AddressGuard): Promise<GuardedProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => {
    const target = URL.canParse(req.url ?? '') ? new URL(req.url!) : null;
    if (target?.protocol !== 'http:' || guard.refuseHost(target.hostname) !== null) {
      res.writeHead(403).end();
      return;
    }
    const upstream = httpRequest(
      {
        hostname: target.hostname.replace(/^\[|\]$/g, ''),
        port: target.port || 80,
        path: target.pathname + target.search,
        method: req.method,
        headers: { ...endToEnd(req), host: target.host },
        lookup: guard.lookup,
        timeout: 15_000,
      },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, endToEnd(answer));
        // An answer that breaks off ends the browser's wait too.
        pipeline(answer, res, () => {});
      },
    );
    upstream.on('timeout', () => upstream.destroy());
    upstream.on('error', () => {
      if (res.headersSent) res.destroy();
      else res.writeHead(502).end();
    });
    res.on('close', () => upstream.destroy());
    req.pipe(upstream);
  });
  server.on('connect', (req, client: Socket, head: Buffer) => {
    client.on('error', () => client.destroy());
    const target = URL.canParse(`https://${req.url}`) ? new URL(`https://${req.url}`) : null;
    if (!target || guard.refuseHost(target.hostname) !== null) {
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const upstream = connect(
      { host: target.hostname.replace(/^\[|\]$/g, ''), port: Number(target.port || 443), lookup: guard.lookup },
      () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.write(head);
        upstream.pipe(client).pipe(upstream);
      },
    );
    sockets.add(upstream);
    upstream.on('close', () => {
      sockets.delete(upstream);
      client.destroy();
    });
    client.on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Headers without those that belong to one connection (RFC 9110 §7.6.1). */
function endToEnd({ headers }: IncomingMessage): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  const hop = new Set([
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'te',
    'trailer',
    'upgrade',
  ]);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hop.has(name)) kept[name] = value;
  }
  return kept;
}
