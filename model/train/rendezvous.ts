/**
 * How the processes of a run find each other. Rank 0 listens at the coordinator's address and the others come to it; from then on each has
 * one connection with rank 0 and knows the addresses of TensorFlow's servers. Whoever can reach the address can take part: it belongs in a
 * network of one's own, as PyTorch's does.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expected, UserError } from '../../dataset/user-error.ts';
import { version } from '../../dataset/version.ts';
import { type Hello, Link } from './link.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface MeetingOptions {
  readonly rank: number;
  readonly count: number;
  readonly coordinator: Address;
  /** How long all wait for all. */
  readonly deadlineMs?: number;
  /** Hears whom rank 0 still waits for, or that rank 0 is waited for. */
  readonly onWait?: (missing: readonly number[]) => void;
  readonly signal?: AbortSignal | undefined;
}

/** As PyTorch's process groups: ten minutes. */
const defaultDeadlineMs = 600_000;
const retryMs = 250;
/** Rank 0's own line, of whom it missed, comes before that of who waited for it. Ours. */
const graceMs = 2000;

/** One connection with rank 0, of rank 0 one with each other rank, in their order; and the `HOST:PORT` of each rank's server for gradients. */
export interface Rendezvous {
  readonly links: readonly Link[];
  readonly addresses: readonly string[];
}

/** Finds the others. Throws a UserError where somebody does not come in time, comes twice, or belongs to another run. */
export async function rendezvous(options: MeetingOptions): Promise<Rendezvous> {
  const { rank, count, coordinator, signal } = options;
  signal?.throwIfAborted();
  const port = await freePort();
  const own = { version, rank, count, port };
  const links = rank === 0 ? await receive(options, own) : [await join(options, own)];
  const addresses =
    rank === 0
      ? [
          at(coordinator.host, port),
          ...links.map(({ hello, socket }) => at(plainHost(socket.remoteAddress), hello!.port)),
        ]
      : await told(links[0]!, options);
  if (rank === 0) for (const link of links) link.send({ all: addresses });
  return { links, addresses };
}

const at = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
const plainHost = (host = ''): string => host.replace(/^::ffff:/, '');

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Rank 0: waits until all others have come. What does not speak as they do is let go. */
async function receive(options: MeetingOptions, own: Hello): Promise<Link[]> {
  const { count, coordinator, deadlineMs = defaultDeadlineMs, onWait, signal } = options;
  const links = new Map<number, Link>();
  const missing = () => Array.from({ length: count - 1 }, (_, index) => index + 1).filter((one) => !links.has(one));
  const server: Server = createServer();
  const strangers = new Set<Socket>();
  const result = deferred();
  server.on(
    'error',
    (error: NodeJS.ErrnoException) =>
    result.reject(expected('an address to listen at', '--coordinator', `${at(coordinator.host, coordinator.port)} (${error.code})`, 'choose another port of this machine')), // biome-ignore format: one line
  );
  server.on('connection', async (socket) => {
    const link = new Link(socket, { isTrusted: false });
    strangers.add(socket);
    const first = await link.next();
    if (!first || !('hello' in first[0])) {
      socket.destroy();
      return;
    }
    const { hello } = first[0];
    const fault = faultOf(hello, own, links);
    if (fault) {
      for (const one of [link, ...links.values()]) one.send({ failed: { rank: 0, line: fault } });
      result.reject(new UserError(fault));
      return;
    }
    strangers.delete(socket);
    link.trust();
    link.hello = hello;
    links.set(hello.rank, link);
    link.onEnd = () => links.get(hello.rank) === link && links.delete(hello.rank);
    if (missing().length === 0) result.resolve();
    else onWait?.(missing());
  });
  server.listen(coordinator.port, coordinator.host === 'localhost' ? '127.0.0.1' : coordinator.host);
  const timer = setTimeout(() => {
    const line = `Expected ${count} ranks at ${at(coordinator.host, coordinator.port)} but ${missing().join(', ')} did not come within ${deadlineMs / 1000} s; start all of them with the same --ranks and --coordinator.`; // biome-ignore format: one line
    for (const link of links.values()) link.send({ failed: { rank: 0, line } });
    result.reject(new UserError(line));
  }, deadlineMs);
  const stop = () => result.reject(signal!.reason);
  signal?.addEventListener('abort', stop, { once: true });
  if (count === 1) result.resolve();
  else onWait?.(missing());
  try {
    await result.promise;
  } catch (error) {
    for (const { socket } of links.values()) socket.end();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    server.close();
    for (const socket of strangers) socket.end();
  }
  return [...links].sort(([one], [other]) => one - other).map(([, link]) => link);
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve = (): void => {};
  let reject = (_: unknown): void => {};
  const promise = new Promise<void>((done, failed) => {
    [resolve, reject] = [done, failed];
  });
  return { promise, resolve, reject };
}

function faultOf(hello: Hello, own: Hello, links: ReadonlyMap<number, Link>): string | null {
  const { rank, count } = hello;
  if (hello.version !== own.version)
    return `Expected lait ${own.version} for rank ${rank} but received ${String(hello.version)}; install the same one everywhere.`;
  if (count !== own.count)
    return `Expected ${own.count} for --ranks of rank ${rank} but received ${count}; start all ranks with the same.`;
  if (!Number.isInteger(rank) || rank < 1 || rank >= own.count)
    return `Expected a rank from 1 to ${own.count - 1} but received ${rank}; start each rank once.`;
  if (links.has(rank)) return `Expected one rank ${rank} but received two; start each rank once.`;
  return null;
}

/** Another rank: goes to rank 0, which may begin to listen later. */
async function join(options: MeetingOptions, own: Hello): Promise<Link> {
  const { coordinator, deadlineMs = defaultDeadlineMs, onWait, signal } = options;
  const endsAt = performance.now() + deadlineMs;
  let hasWaited = false;
  for (;;) {
    signal?.throwIfAborted();
    const socket = connect(coordinator);
    const limit = AbortSignal.timeout(Math.max(1, Math.min(5000, Math.ceil(endsAt - performance.now()))));
    const isThere = await once(socket, 'connect', { signal: signal ? AbortSignal.any([signal, limit]) : limit }).then(
      () => true,
      () => false,
    );
    if (isThere) {
      const link = new Link(socket);
      link.send({ hello: own });
      return link;
    }
    socket.destroy();
    if (performance.now() > endsAt)
      throw expected('rank 0', `--coordinator within ${deadlineMs / 1000} s`, at(coordinator.host, coordinator.port), 'start rank 0, and look whether this machine reaches it'); // biome-ignore format: one line
    if (!hasWaited) onWait?.([0]);
    hasWaited = true;
    await pause(retryMs);
  }
}

/** The addresses of all, when all have come. Rank 0 has been there before and waits no longer, unless it hangs. */
async function told(link: Link, options: MeetingOptions): Promise<readonly string[]> {
  const { coordinator, deadlineMs = defaultDeadlineMs, signal } = options;
  const late = AbortSignal.timeout(deadlineMs + graceMs);
  const limit = signal ? AbortSignal.any([signal, late]) : late;
  const end = (): void => void link.socket.destroy();
  limit.addEventListener('abort', end, { once: true });
  if (limit.aborted) end();
  const [message] = (await link.next()) ?? [];
  limit.removeEventListener('abort', end);
  if (message && 'all' in message) return message.all;
  link.socket.destroy();
  if (message && 'failed' in message) throw new UserError(`${message.failed.line}`);
  signal?.throwIfAborted();
  const first = `rank 0 at ${at(coordinator.host, coordinator.port)}`;
  const received = late.aborted ? `has said nothing for ${(deadlineMs + graceMs) / 1000} s` : 'has ended';
  throw new UserError(`Expected ${first} to wait for all ranks but it ${received}; start all again.`);
}
