/** What a worker of a shared crawl tells Prometheus. What it counted is its own; hosts, queue and lag are those of the whole crawl, told by each. */
import { meaningOf } from '../crawler/policy/reasons.ts';
import { maxHostsCounted } from '../crawler/shared/overview.ts';
import type { WorkerProbe } from '../crawler/shared/shared-work.ts';
import { askedAtTimes, type Teller, tellStore, type Values } from './metrics.ts';

export interface CrawlMetrics {
  tell(teller: Teller): void;
  /** From now on they are those of this worker; before, of the process only. */
  observe(probe: WorkerProbe): void;
}

const states = ['ready', 'resting', 'putOff', 'held'] as const;
const kebab = (state: string): string => state.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export function crawlMetrics(): CrawlMetrics {
  let probe: WorkerProbe | undefined;
  return {
    observe: (one) => {
      probe = one;
    },
    tell: (teller) => tell(teller, () => probe),
  };
}

function tell(teller: Teller, probe: () => WorkerProbe | undefined): void {
  const counter = <Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
    read: (counts: WorkerProbe['counts']) => Values<Label>,
  ): void => teller.counter(name, help, labels, () => (probe() === undefined ? [] : read(probe()!.counts)));
  const gauge = (name: string, help: string, read: (probe: WorkerProbe) => number): void =>
    teller.gauge(name, help, () => (probe() === undefined ? null : read(probe()!)));
  const byStatus = (counts: Readonly<Record<string, number>>): Values<'status'> =>
    Object.entries(counts).map(([status, n]) => [{ status }, n]);

  counter('lait_pages_total', 'Pages that this worker has finished', ['status'], ({ pages }) => byStatus(pages));
  counter('lait_images_total', 'Images that this worker has finished', ['status'], ({ images }) => byStatus(images));
  counter(
    'lait_reasons_total',
    'Pages and images that are not in the corpus or not complete, by reason (docs/reasons.md) and its class',
    ['class', 'reason'],
    ({ reasons }) =>
      Object.entries(reasons).map(([reason, n]) => [{ class: meaningOf(reason)?.class ?? 'unknown', reason }, n]),
  );
  counter('lait_received_bytes_total', 'Bytes of bodies that this worker has received', [], ({ bytes }) => [
    [{}, bytes],
  ]);
  counter('lait_rendered_pages_total', 'Pages that this worker has rendered in Chromium', [], ({ rendered }) => [
    [{}, rendered],
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

  const hosts = askedAtTimes(() => probe()?.hosts() ?? null);
  teller.gauges(
    'lait_hosts',
    `Hosts of the whole crawl by their state, up to ${maxHostsCounted} each`,
    ['state'],
    async () => {
      const counted = await hosts();
      return counted === null ? [] : states.map((state) => [{ state: kebab(state) }, counted[state]]);
    },
  );
  teller.gauge(
    'lait_lag_seconds',
    'For how long the host that has waited longest for a worker has been ready',
    async () => (await hosts())?.lagSeconds ?? null,
  );
  tellStore(teller, hosts);
}
