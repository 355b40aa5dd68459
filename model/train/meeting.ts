/**
 * What the processes of a run say to each other once they have found each other (rendezvous.ts): what rank 0 alone knows, and small sums, over the
 * connection that each has with rank 0. One that ends before its process has said goodbye ends the run for all.
 */
import { once } from 'node:events';
import { UserError } from '../../dataset/user-error.ts';
import type { Link, Message } from './link.ts';
import { type MeetingOptions, type Rendezvous, rendezvous } from './rendezvous.ts';

/** A run's processes together. All call the same methods in the same order. */
export interface Meeting {
  readonly rank: number;
  readonly count: number;
  /** `HOST:PORT` of each rank's server for gradients, in order. */
  readonly addresses: readonly string[];
  /** The sum of everybody's numbers. */
  sum(value: number): Promise<number>;
  /** What rank 0 gives; the others give nothing. */
  fromFirst<T extends Shared>(own?: T): Promise<T>;
  /** Rejects when another process has ended, or has failed, with a line that says so. */
  readonly lost: Promise<never>;
  /** Says goodbye when all have said so, or, with an error, why this process ends. */
  leave(error?: unknown): Promise<void>;
}

/** Plain data, and numbers by name. */
export interface Shared {
  readonly data: unknown;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

/** How long who ends waits until the others have heard why; they may be tracing a graph. Ours. */
const lastWordsMs = 10_000;

/** Meets the others. Throws what `rendezvous` throws. */
export async function meet(options: MeetingOptions): Promise<Meeting> {
  return new Gathering(options, await rendezvous(options));
}

class Gathering implements Meeting {
  readonly rank: number;
  readonly count: number;
  readonly addresses: readonly string[];
  readonly lost: Promise<never>;
  readonly #links: readonly Link[];
  #lose: (error: UserError) => void = () => {};
  #ends = false;
  #wake = (): void => {};

  constructor({ rank, count }: Pick<Meeting, 'rank' | 'count'>, { addresses, links }: Rendezvous) {
    [this.rank, this.count, this.addresses, this.#links] = [rank, count, addresses, links];
    this.lost = new Promise((_, reject) => {
      this.#lose = reject;
    });
    this.lost.catch(() => {});
    for (const link of links) {
      link.onMessage = (message) => {
        if ('failed' in message) this.#fail(message.failed.rank, message.failed.line);
        this.#wake();
        return 'failed' in message || 'bye' in message;
      };
      link.onEnd = () => {
        if (!link.saidBye) this.#fail(this.#rankOf(link), null);
        this.#wake();
      };
      if (link.ended) link.onEnd();
    }
  }

  #rankOf(link: Link): number {
    return this.rank === 0 ? this.#links.indexOf(link) + 1 : 0;
  }

  /** Tells the others, as far as this is rank 0, and ends what waits here. */
  #fail(rank: number, line: string | null): void {
    if (this.#ends) return;
    this.#ends = true;
    if (this.rank === 0) for (const link of this.#links) if (!link.ended) link.send({ failed: { rank, line } });
    const who = `Rank ${rank} of ${this.count}`;
    const again = 'start all ranks again with the same commands, and the run goes on from its last checkpoint';
    this.#lose(new UserError(line === null ? `${who} has ended; ${again}.` : `${who}: ${line}`, { exitCode: 1 }));
  }

  async #next(link: Link): Promise<[Message, Buffer]> {
    const heard = await Promise.race([link.next(), this.lost]);
    if (heard) return heard;
    if (link.saidBye)
      this.#fail(this.#rankOf(link), 'its run has ended while others go on; start all ranks with the same settings');
    return this.lost;
  }

  async sum(value: number): Promise<number> {
    if (this.rank > 0) {
      this.#links[0]!.send({ sum: value });
      const [message] = await this.#next(this.#links[0]!);
      return (message as { sum: number }).sum;
    }
    let total = value;
    for (const link of this.#links) total += ((await this.#next(link))[0] as { sum: number }).sum;
    for (const link of this.#links) link.send({ sum: total });
    return total;
  }

  async fromFirst<T extends Shared>(own?: T): Promise<T> {
    if (this.rank === 0) {
      const arrays = [...own!.arrays];
      const lengths = arrays.map(([name, { length }]) => [name, length] as const);
      const body = arrays.map(
        ([, { buffer, byteOffset, byteLength }]) => new Uint8Array(buffer, byteOffset, byteLength),
      );
      for (const link of this.#links) link.send({ shared: own!.data, lengths }, body);
      return own!;
    }
    const [message, body] = await this.#next(this.#links[0]!);
    const { shared, lengths } = message as Extract<Message, { shared: unknown }>;
    const all = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength));
    let at = 0;
    const arrays = new Map(
      lengths.map(([name, length]) => {
        at += length;
        return [name, all.slice(at - length, at)];
      }),
    );
    return { data: shared, arrays } as unknown as T;
  }

  async leave(error?: unknown): Promise<void> {
    if (error !== undefined && !this.#ends) {
      const line = error instanceof Error ? error.message.split('\n')[0]! : String(error);
      for (const link of this.#links) if (!link.ended) link.send({ failed: { rank: this.rank, line } });
    }
    const fails = error !== undefined || this.#ends;
    this.#ends = true;
    if (!fails) {
      for (const link of this.#links) link.send({ bye: true });
      while (!this.#links.every((link) => link.saidBye || link.ended)) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    // Who is still sent something when it is gone resets the connection, and its last words with it.
    const late = AbortSignal.timeout(lastWordsMs);
    const closing = this.#links
      .filter(({ ended }) => !ended)
      .map(({ socket }) => once(socket, 'close', { signal: late }));
    for (const { socket } of this.#links) socket.end();
    await Promise.allSettled(closing);
  }
}
