/**
 * A real web server on 127.0.0.1, port 0, for tests and benchmarks: routes given as values or functions, or a folder of
 * files, or both (routes first). It counts what was asked for, so that a test can say how often a page was fetched.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { extname, join, normalize } from 'node:path';

export interface Response {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** A string is an HTML page, a Buffer a picture whose type follows from the path. */
export type Route = string | Buffer | Response | ((req: IncomingMessage, res: ServerResponse) => void);

export interface Site {
  /** `http://127.0.0.1:PORT`, no slash at the end. */
  readonly url: string;
  /** How often each path (with query) was asked for. */
  readonly hits: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.svg': 'image/svg+xml',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.xml': 'application/xml',
  '.txt': 'text/plain',
};

/** Starts a server with routes by path (`/a.html`, tried with and then without the query) and files below `folder`. */
export async function startSite({
  routes = {},
  folder,
  delayMs = 0,
}: {
  readonly routes?: Readonly<Record<string, Route>>;
  readonly folder?: string;
  /** Waits so long before each answer, as a network would. */
  readonly delayMs?: number;
} = {}): Promise<Site> {
  const hits = new Map<string, number>();
  const sockets = new Set<Socket>();

  const server = createServer((req, res) => {
    const path = req.url ?? '/';
    hits.set(path, (hits.get(path) ?? 0) + 1);
    const answerIt = () => void answer({ routes, folder }, req, res);
    if (delayMs > 0) setTimeout(answerIt, delayMs);
    else answerIt();
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    hits,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Answers one request from routes and a folder; also for HTTP/2 through Node's compatibility interface. */
export async function answer(
  { routes, folder }: { readonly routes: Readonly<Record<string, Route>>; readonly folder?: string | undefined },
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const path = req.url ?? '/';
  const pathname = new URL(path, 'http://site').pathname;
  const route = routes[path] ?? routes[pathname];
  if (typeof route === 'function') return route(req, res);
  if (typeof route === 'string') return send(res, { headers: { 'content-type': 'text/html' }, body: route });
  if (Buffer.isBuffer(route)) return send(res, { headers: typeOf(pathname), body: route });
  if (route) return send(res, route);
  if (!folder) return send(res, { status: 404, body: 'not found' });
  try {
    const name = normalize(decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    send(res, { headers: typeOf(name), body: await readFile(join(folder, name)) });
  } catch {
    send(res, { status: 404, body: 'not found' });
  }
}

const typeOf = (path: string) => ({ 'content-type': types[extname(path).toLowerCase()] ?? 'application/octet-stream' });

function send(res: ServerResponse, { status = 200, headers = {}, body = '' }: Response): void {
  const bytes = Buffer.from(body);
  res.writeHead(status, { 'content-length': String(bytes.length), ...headers });
  res.end(bytes);
}
