/**
 * `/metrics` of a process, in Prometheus' text format 0.0.4. It listens on loopback unless told otherwise, and has no secrets: neither hosts'
 * names nor URLs. What is told of a crawl, of jobs and of judging says crawl-metrics.ts and helper-metrics.ts.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Defer } from '../dataset/cleanup.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { version } from '../dataset/version.ts';

/** Values by their labels. */
export type Values<Label extends string> = readonly (readonly [
  labels: Readonly<Record<Label, string>>,
  value: number,
])[];

/** How something is told whose values are kept elsewhere: `read` is called whenever somebody asks. */
export interface Teller {
  counter<Label extends string>(name: string, help: string, labels: readonly Label[], read: () => Values<Label>): void;
  /** Null is not a number: it is not known. */
  gauge(name: string, help: string, read: () => number | null | Promise<number | null>): void;
  gauges<Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
    read: () => Values<Label> | Promise<Values<Label>>,
  ): void;
}

/** Those who ask more often than that are told the same again, in ms: Prometheus asks each process every 15 s or so. */
const knownForMs = 5000;

/** Who asks waits no longer for PostgreSQL, in ms: what the process itself knows is told in time. */
const answerMs = 2000;

/**
 * Serves `HOST:PORT`, or a port of 127.0.0.1, until the end, says where, and returns it. Throws a UserError for what is no address, or taken.
 */
export async function serveMetrics(
  address: string,
  { tell, say }: { readonly tell: (teller: Teller) => void; readonly say?: (line: string) => void },
  defer: Defer,
): Promise<string> {
  const { host, port } = addressOf(address);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  tell(tellerOf(registry));
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
    if (path !== '/metrics') return void response.writeHead(404).end();
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new UserError(
          `Expected an address that is free for --metrics-port but received ${address} (${error.code ?? error.message}); name another.`,
          {
            cause: error,
          },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  defer(
    () =>
      new Promise<void>((resolve) => {
        registry.clear();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${taken}/metrics`;
  say?.(`metrics at ${url}`);
  return url;
}

function addressOf(address: string): { readonly host: string; readonly port: number } {
  const [, bracketed, name, digits] = /^(?:(?:\[([\da-f:.]+)\]|([^\s:[\]/]+)):)?(\d{1,5})$/i.exec(address) ?? [];
  if (digits === undefined || Number(digits) > 65_535) {
    throw expected('a port, or HOST:PORT', '--metrics-port', address, 'name one, such as 9464 or 0.0.0.0:9464');
  }
  return { host: bracketed ?? name ?? '127.0.0.1', port: Number(digits) };
}

function tellerOf(registry: Registry): Teller {
  const registers = [registry];
  new Gauge({ name: 'lait_build_info', help: 'lait, by its version', labelNames: ['version'], registers }).set(
    { version },
    1,
  );
  return {
    counter: (name, help, labels, read) => {
      new Counter({
        ...{ name, help, labelNames: [...labels], registers },
        collect() {
          this.reset();
          for (const [values, value] of read()) this.inc(values, value);
        },
      });
    },
    gauge: (name, help, read) => {
      new Gauge({
        ...{ name, help, registers },
        async collect() {
          // Without a value it would be the last one.
          this.set((await read()) ?? Number.NaN);
        },
      });
    },
    gauges: (name, help, labels, read) => {
      new Gauge({
        ...{ name, help, labelNames: [...labels], registers },
        async collect() {
          const values = await read();
          this.reset();
          for (const [of, value] of values) this.set(of, value);
        },
      });
    },
  };
}

/** What the store is asked for once in some seconds; null while nobody answers, or there is nobody to ask. */
export function askedAtTimes<T>(ask: () => Promise<T> | null): () => Promise<T | null> {
  let asked: { readonly atMs: number; readonly answer: Promise<T | null> } | undefined;
  return () => {
    if (asked !== undefined && performance.now() - asked.atMs <= knownForMs) return asked.answer;
    const question = ask();
    if (question === null) return Promise.resolve(null);
    const late = sleep(answerMs, null, { ref: false });
    asked = { atMs: performance.now(), answer: Promise.race([question.catch(() => null), late]) };
    return asked.answer;
  };
}

/** Whether the store has answered. */
export const tellStore = ({ gauge }: Teller, asked: () => Promise<unknown>): void =>
  gauge('lait_store_up', 'Whether PostgreSQL has answered', async () => ((await asked()) === null ? 0 : 1));
