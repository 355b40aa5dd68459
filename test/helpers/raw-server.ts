/** A server on 127.0.0.1, port 0, that answers with bytes as they are, valid HTTP or not. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface RawServer {
  /** `http://127.0.0.1:PORT`, no slash at the end. */
  readonly url: string;
  /** Every request line and its headers, as sent. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** `answer` gets the path and the whole head of each request; the connection ends with what it returns. */
export async function startRawServer(answer: (path: string, head: string) => Buffer): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let head = '';
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      requests.push(head);
      socket.end(answer(/^GET (\S+)/.exec(head)?.[1] ?? '', head));
      head = '';
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
