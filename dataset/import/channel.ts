/** From one who makes values to one who takes them, one at a time: neither runs ahead of the other. */
export interface Channel<T> extends AsyncIterable<T> {
  /** Resolves when the value was taken. Rejects when the taker has failed. */
  push(value: T): Promise<void>;
  /** No more values come. */
  close(): void;
  /** The taker has failed: whoever pushes is told. */
  fail(error: unknown): void;
}

export function channel<T>(): Channel<T> {
  let waiting: { readonly value: T; readonly taken: () => void; readonly refused: (error: unknown) => void } | null =
    null;
  let arrived: (() => void) | null = null;
  let closed = false;
  let failure: { readonly error: unknown } | null = null;
  return {
    push(value) {
      if (failure !== null) return Promise.reject(failure.error);
      return new Promise((resolve, reject) => {
        waiting = { value, taken: resolve, refused: reject };
        arrived?.();
      });
    },
    close() {
      closed = true;
      arrived?.();
    },
    fail(error) {
      failure = { error };
      waiting?.refused(error);
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (waiting === null && !closed) {
          await new Promise<void>((resolve) => {
            arrived = resolve;
          });
          arrived = null;
        }
        if (waiting === null) return;
        const { value, taken } = waiting;
        waiting = null;
        taken();
        yield value;
      }
    },
  };
}
