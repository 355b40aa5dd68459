/**
 * `/metrics` of a worker, in Prometheus' text format 0.0.4. What it counted is its own; hosts, queue and lag are those of the whole crawl,
 * so that any one worker tells them. It listens on loopback unless told otherwise, and has no secrets: neither hosts' names nor URLs.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { meaningOf } from '../crawler/policy/reasons.ts';
import { type HostCounts, maxHostsCounted } from '../crawler/shared/overview.ts';
import type { WorkerProbe } from '../crawler/shared/shared-work.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { version } from '../dataset/version.ts';

export interface Metrics {
  readonly url: string;
  /** From now on they are those of this worker. */
  readonly observe: (probe: WorkerProbe) => void;
  close(): Promise<void>;
}

/** Those who ask more often than that are told the same hosts again, in ms: Prometheus asks each worker every 15 s or so. */
const hostsForMs = 5000;

/** Who asks waits no longer for PostgreSQL, in ms: what the worker itself knows is told in time. */
const answerMs = 2000;

/** Serves `HOST:PORT`, or a port of 127.0.0.1. Throws a UserError for what is no address, or taken. */
export async function serveMetrics(address: string): Promise<Metrics> {
  const { host, port } = addressOf(address);
  let probe: WorkerProbe | undefined;
  const registry = registryOf(() => probe);
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
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/metrics`,
    observe: (one) => {
      probe = one;
    },
    close: () =>
      new Promise((resolve) => {
        registry.clear();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function addressOf(address: string): { readonly host: string; readonly port: number } {
  const [, bracketed, name, digits] = /^(?:(?:\[([\da-f:.]+)\]|([^\s:[\]/]+)):)?(\d{1,5})$/i.exec(address) ?? [];
  if (digits === undefined || Number(digits) > 65_535) {
    throw expected('a port, or HOST:PORT', '--metrics-port', address, 'name one, such as 9464 or 0.0.0.0:9464');
  }
  return { host: bracketed ?? name ?? '127.0.0.1', port: Number(digits) };
}

/** All that is told; before there is a worker, of the process only. */
function registryOf(probe: () => WorkerProbe | undefined): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const hosts = hostsOf(probe);

  /** A counter whose values are kept elsewhere. */
  const counter = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (probe: WorkerProbe) => readonly (readonly [labels: Record<Label, string>, value: number])[],
  ): void => {
    new Counter({
      ...{ name, help, labelNames: [...labelNames], registers },
      collect() {
        this.reset();
        const one = probe();
        for (const [labels, value] of one === undefined ? [] : read(one)) this.inc(labels, value);
      },
    });
  };
  const gauge = (name: string, help: string, read: (probe: WorkerProbe) => number): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        const one = probe();
        this.set(one === undefined ? Number.NaN : read(one));
      },
    });
  };
  const byStatus = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([status, n]) => [{ status }, n] as const);

  new Gauge({ name: 'lait_build_info', help: 'lait, by its version', labelNames: ['version'], registers }).set(
    { version },
    1,
  );
  counter('lait_pages_total', 'Pages that this worker has finished', ['status'], ({ counts }) =>
    byStatus(counts.pages),
  );
  counter('lait_images_total', 'Images that this worker has finished', ['status'], ({ counts }) =>
    byStatus(counts.images),
  );
  counter(
    'lait_reasons_total',
    'Pages and images that are not in the corpus or not complete, by reason (docs/reasons.md) and its class',
    ['class', 'reason'],
    ({ counts }) =>
      Object.entries(counts.reasons).map(
        ([reason, n]) => [{ class: meaningOf(reason)?.class ?? 'unknown', reason }, n] as const,
      ),
  );
  counter('lait_received_bytes_total', 'Bytes of bodies that this worker has received', [], ({ counts }) => [
    [{}, counts.bytes],
  ]);
  counter('lait_rendered_pages_total', 'Pages that this worker has rendered in Chromium', [], ({ counts }) => [
    [{}, counts.rendered],
  ]);
  gauge('lait_worker_hosts', 'Hosts that this worker has', (one) => one.now().hosts);
  gauge('lait_worker_urls_in_flight', 'URLs that this worker has claimed and not written', (one) => one.now().inFlight);
  gauge('lait_worker_number', 'The number of this worker, as in lait workers', (one) => Number(one.now().worker));
  gauge(
    'lait_beat_age_seconds',
    'Since the last sign of life of this worker that PostgreSQL took',
    (one) => one.now().beatAgeSeconds,
  );
  gauge('lait_lease_seconds', 'A worker that is silent for longer loses its hosts', (one) => one.leaseSeconds);
  gauge('lait_queue_urls', 'URLs that wait in the whole crawl, about', (one) => one.now().queued);

  const states = ['ready', 'resting', 'putOff', 'held'] as const;
  new Gauge({
    name: 'lait_hosts',
    help: `Hosts of the whole crawl by their state, up to ${maxHostsCounted} each`,
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset();
      const counted = await hosts();
      if (counted) for (const state of states) this.set({ state: kebab(state) }, counted[state]);
    },
  });
  new Gauge({
    name: 'lait_lag_seconds',
    help: 'For how long the host that has waited longest for a worker has been ready',
    registers,
    async collect() {
      const counted = await hosts();
      // Without a value it would be the last one.
      this.set(counted?.lagSeconds ?? Number.NaN);
    },
  });
  new Gauge({
    name: 'lait_store_up',
    help: 'Whether PostgreSQL has answered',
    registers,
    async collect() {
      this.set((await hosts()) === null ? 0 : 1);
    },
  });
  return registry;
}

const kebab = (state: string): string => state.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The hosts of the crawl, asked for once in some seconds; null while nobody answers. */
function hostsOf(probe: () => WorkerProbe | undefined): () => Promise<HostCounts | null> {
  let asked: { readonly atMs: number; readonly answer: Promise<HostCounts | null> } | undefined;
  return () => {
    const one = probe();
    if (one === undefined) return Promise.resolve(null);
    if (asked === undefined || performance.now() - asked.atMs > hostsForMs) {
      const late = sleep(answerMs, null, { ref: false });
      asked = { atMs: performance.now(), answer: Promise.race([one.hosts().catch(() => null), late]) };
    }
    return asked.answer;
  };
}
