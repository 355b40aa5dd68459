/** Reads a stream of bytes by number, and remembers how far it has come. Holds what was asked for at once, never more. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes taken so far. */
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next bytes, so many at most and at least one; null at the end. */
  async take(maxBytes: number): Promise<Buffer | null> {
    while (this.#held.length === 0) {
      const next = await this.#next();
      if (next === null) return null;
      this.#held = next;
    }
    const bytes = this.#held.subarray(0, maxBytes);
    this.#held = this.#held.subarray(bytes.length);
    this.offset += bytes.length;
    return bytes;
  }

  /** So many bytes, fewer only at the end; they stay to be taken. */
  async peek(byteLength: number): Promise<Buffer> {
    if (this.#held.length < byteLength) {
      const parts = [this.#held];
      let total = this.#held.length;
      for (let next = await this.#next(); next !== null; next = total < byteLength ? await this.#next() : null) {
        parts.push(next);
        total += next.length;
      }
      this.#held = Buffer.concat(parts, total);
    }
    return this.#held.subarray(0, byteLength);
  }

  /** What has come and was not taken, so many bytes at most; they stay to be taken. */
  here(maxBytes: number): Buffer {
    return this.#held.subarray(0, maxBytes);
  }

  /** Takes so many of the bytes that are here. */
  takeHere(byteLength: number): void {
    this.#held = this.#held.subarray(byteLength);
    this.offset += byteLength;
  }

  /** Exactly so many bytes; null when there are fewer, and then none are taken. */
  async exactly(byteLength: number): Promise<Buffer | null> {
    const bytes = await this.peek(byteLength);
    if (bytes.length < byteLength) return null;
    this.takeHere(byteLength);
    return bytes;
  }

  /** Whether so many bytes were there to be passed over. */
  async skip(byteLength: number): Promise<boolean> {
    for (let left = byteLength; left > 0; ) {
      const bytes = await this.take(left);
      if (bytes === null) return false;
      left -= bytes.length;
    }
    return true;
  }

  /** Gives back the end of what was taken last. */
  putBack(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([bytes, this.#held]);
    this.offset -= bytes.length;
  }

  /** Lets the source close what it has open. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #next(): Promise<Buffer | null> {
    const next = await this.#source.next();
    return next.done ? null : Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
  }
}
