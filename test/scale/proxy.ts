/** A way to a PostgreSQL server that can be cut, or lose answers. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  readonly port: number;
  /** Ends every connection, and lets none come about until `mend`. */
  cut(): void;
  mend(): void;
  /** The answers to the next so many COMMITs are lost: the server has committed, and the connection ends. */
  loseCommits(count: number): void;
  /** Comes when a client sends a statement with these words: neither that nor what follows is passed on. */
  stopAt(words: string): Promise<void>;
  /** How many were lost. */
  lost(): number;
  close(): void;
}

/** `Q`, its length, and the text: the message by which a client sends a statement without parameters (PostgreSQL's manual, 55.7). */
const commit = Buffer.concat([Buffer.from('Q'), Buffer.from([0, 0, 0, 11]), Buffer.from('COMMIT\0')]);

/** Listens on loopback, or for a network that a test has made. */
export async function startProxy(port: number, host = '127.0.0.1'): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let toLose = 0;
  let lost = 0;
  let stop: { readonly words: string; readonly come: () => void } | undefined;
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(port, '127.0.0.1');
    let [loses, isStopped] = [false, false];
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    near.on('data', (data) => {
      if (stop !== undefined && data.includes(stop.words)) {
        isStopped = true;
        stop.come();
      }
      if (isStopped) return;
      if (toLose > 0 && data.includes(commit)) {
        toLose -= 1;
        loses = true;
      }
      far.write(data);
    });
    far.on('data', (data) => {
      if (!loses) return void near.write(data);
      lost += 1;
      near.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      isCut = false;
    },
    loseCommits(count) {
      toLose = count;
    },
    stopAt: (words) =>
      new Promise((resolve) => {
        stop = {
          words,
          come: () => {
            stop = undefined;
            resolve();
          },
        };
      }),
    lost: () => lost,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
