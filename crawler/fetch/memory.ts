/** What was asked for last, in bounded memory: a site may have a robots.txt of half a megabyte on each of its million names. */

export interface Memory<Value> {
  get(key: string): Value | undefined;
  /** The oldest are forgotten for it. `bytes`: what the value takes, roughly. */
  set(key: string, value: Value, bytes: number): void;
}

/** Holds so many values, and no more than so many bytes of them, or one. */
export function boundedMemory<Value>({ maxValues, maxBytes }: { maxValues: number; maxBytes: number }): Memory<Value> {
  const held = new Map<string, { readonly value: Value; readonly bytes: number }>();
  let total = 0;
  const forget = (key: string): void => {
    total -= held.get(key)?.bytes ?? 0;
    held.delete(key);
  };
  return {
    get: (key) => held.get(key)?.value,
    set(key, value, bytes) {
      forget(key);
      held.set(key, { value, bytes });
      total += bytes;
      for (const oldest of held.keys()) {
        if (held.size <= 1 || (held.size <= maxValues && total <= maxBytes)) return;
        forget(oldest);
      }
    },
  };
}
