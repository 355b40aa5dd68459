/** What is read again and again stays open; what was written anew meanwhile is opened once more. */
import { UserError } from '../user-error.ts';

export interface KeptOpen<Key, Opened> {
  /**
   * What `work` makes of what lies under a key; once more, of it opened anew, where that throws a UserError: somebody may have written it since
   * it was opened.
   */
  use<Result>(key: Key, work: (opened: Opened) => Promise<Result>): Promise<Result>;
  /** All that could be opened and was not let go. */
  opened(): Promise<Opened[]>;
}

export interface KeptOpenOptions {
  /** Open at once; what was opened first is let go for the next. */
  readonly maxOpen?: number;
  /** After it nothing is tried again. */
  readonly signal?: AbortSignal | undefined;
}

/** Keeps what `open` opens by its key. */
export function keptOpen<Key, Opened>(
  open: (key: Key) => Promise<Opened>,
  { maxOpen = Number.POSITIVE_INFINITY, signal }: KeptOpenOptions = {},
): KeptOpen<Key, Opened> {
  const all = new Map<Key, Promise<Opened>>();
  const openedAt = (key: Key): Promise<Opened> => {
    let one = all.get(key);
    if (one === undefined) {
      one = open(key);
      if (all.size >= maxOpen) all.delete(all.keys().next().value!);
      all.set(key, one);
    }
    return one;
  };
  return {
    async use(key, work) {
      const one = openedAt(key);
      try {
        return await work(await one);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof UserError)) throw error;
        if (all.get(key) === one) all.delete(key);
        return work(await openedAt(key));
      }
    },
    async opened() {
      const ends = await Promise.allSettled(all.values());
      return ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    },
  };
}
