/** The connection of two processes of a run, over which go messages: the lengths of both parts, a head of JSON, and a body of numbers. */
import type { Socket } from 'node:net';

/** A head is names and shapes, or the state of a run; a body the parameters and their means. */
const maxHeadBytes = 64 * 2 ** 20;
const maxBodyBytes = 64 * 2 ** 30;
/** Before somebody has said who they are. */
const maxHelloBytes = 4096;

/** What a process says of itself when it comes. */
export interface Hello {
  readonly version: string;
  readonly rank: number;
  readonly count: number;
  /** Where its server for gradients will listen. */
  readonly port: number;
}

export type Message =
  | { readonly hello: Hello }
  | { readonly all: readonly string[] }
  | { readonly failed: { readonly rank: number; readonly line: string | null } }
  | { readonly sum: number }
  | { readonly shared: unknown; readonly lengths: readonly (readonly [string, number])[] }
  | { readonly bye: true };

/** The connection of one process with another. */
export class Link {
  readonly socket: Socket;
  hello?: Hello;
  readonly #heard: [Message, Buffer][] = [];
  #wake = (): void => {};
  #held: Buffer[] = [];
  #bytes = 0;
  #isTrusted: boolean;
  ended = false;
  /** Whether the other side has said that it sends no more. */
  saidBye = false;
  onEnd = (): void => {};
  onMessage: ((message: Message) => boolean) | undefined;

  constructor(socket: Socket, { isTrusted = true } = {}) {
    this.socket = socket;
    this.#isTrusted = isTrusted;
    socket.setNoDelay(true);
    // Of a machine that has gone without a word the system says so.
    socket.setKeepAlive(true, 15_000);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ended = true;
      this.#wake();
      this.onEnd();
    });
  }

  trust(): void {
    this.#isTrusted = true;
  }

  send(message: Message, body: readonly Uint8Array[] = []): void {
    const head = Buffer.from(JSON.stringify(message));
    const sizes = Buffer.alloc(12);
    sizes.writeUInt32LE(head.length);
    sizes.writeBigUInt64LE(BigInt(body.reduce((sum, one) => sum + one.byteLength, 0)), 4);
    for (const part of [sizes, head, ...body]) this.socket.write(part);
  }

  /** The next message that nobody else has taken; null where the connection has ended, or the other side has said goodbye. */
  async next(): Promise<[Message, Buffer] | null> {
    while (this.#heard.length === 0) {
      if (this.ended || this.saidBye) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#heard.shift()!;
  }

  #take(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#bytes += bytes.length;
    for (;;) {
      const [sizes] = this.#peek(12) ?? [];
      if (!sizes) return;
      const [head, body] = [sizes.readUInt32LE(), Number(sizes.readBigUInt64LE(4))];
      const [maxHead, maxBody] = this.#isTrusted ? [maxHeadBytes, maxBodyBytes] : [maxHelloBytes, 0];
      if (head > maxHead || body > maxBody) {
        this.socket.destroy();
        return;
      }
      if (this.#bytes < 12 + head + body) return;
      const all = Buffer.concat(this.#held);
      this.#held = all.length > 12 + head + body ? [all.subarray(12 + head + body)] : [];
      this.#bytes = all.length - (12 + head + body);
      const message = messageOf(all.toString('utf8', 12, 12 + head));
      if (message === null) {
        this.socket.destroy();
        return;
      }
      if ('bye' in message) this.saidBye = true;
      if (this.onMessage?.(message)) {
        this.#wake();
        continue;
      }
      this.#heard.push([message, all.subarray(12 + head, 12 + head + body)]);
      this.#wake();
    }
  }

  #peek(count: number): [Buffer] | undefined {
    if (this.#bytes < count) return undefined;
    if (this.#held[0]!.length < count) this.#held = [Buffer.concat(this.#held)];
    return [this.#held[0]!.subarray(0, count)];
  }
}

/** null for what is no message of ours; of one, only its own process knows more. */
function messageOf(text: string): Message | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const { hello } = value as { readonly hello?: unknown };
    return hello === undefined || (typeof hello === 'object' && hello !== null) ? (value as Message) : null;
  } catch {
    return null;
  }
}
