/** The batches of a run, as many for each update as it takes, and those of the next update while one is learned from. */
import type { LoadedBatch, Loader } from '../data/loader.ts';

export interface Upcoming {
  /** The batches of the next update. Throws what reading them throws, also where that was found out ahead. */
  next(): Promise<LoadedBatch[]>;
  /** Begins to wait for those that `next` will give, and gives the first of them. */
  first(): Promise<LoadedBatch>;
}

/** So many batches an update. */
export function upcoming(loader: Pick<Loader, 'next'>, count: number): Upcoming {
  let waiting: Promise<LoadedBatch>[] | undefined;
  const take = (): Promise<LoadedBatch>[] => {
    const all: Promise<LoadedBatch>[] = [];
    for (let index = 0; index < count; index++) {
      const before = all.at(-1);
      all.push(before ? before.then(() => loader.next()) : loader.next());
    }
    for (const one of all) one.catch(() => {});
    return all;
  };
  return {
    next() {
      const all = waiting ?? take();
      waiting = undefined;
      return Promise.all(all);
    },
    first() {
      waiting ??= take();
      return waiting[0]!;
    },
  };
}
