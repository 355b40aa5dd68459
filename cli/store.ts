/** Where a corpus that many machines crawl has its queue and its record, and what such a corpus cannot do. */
import { checkClock } from '../crawler/shared/lease.ts';
import { openSharedCorpus } from '../crawler/shared/schema.ts';
import { openStore } from '../crawler/shared/store.ts';
import { UserError } from '../dataset/user-error.ts';
import { type Config, configFileName } from './config.ts';
import { readConfig } from './config-file.ts';

/** The URL of the store. Throws a UserError where lait.yaml names none. */
export function storeOf({ store }: Pick<Config, 'store'>, corpusDir: string): string {
  if (store !== undefined) return store;
  throw new UserError(
    `Expected store: postgres://HOST/DATABASE in ${corpusDir}/${configFileName} but received none; name the database that all workers use.`,
  );
}

/** Connects, and makes an empty database a shared corpus. Throws a UserError for what is wrong with the store. */
export async function checkStore(url: string): Promise<void> {
  const store = await openStore({ url, connections: 1 });
  try {
    await openSharedCorpus(store, { create: true });
    await checkClock(store);
  } finally {
    await store.close();
  }
}

/** Refuses what would write another queue than the one that the workers share. */
export function refuseShared(corpusDir: string, advice: string): void {
  if (readConfig(corpusDir).store === undefined) return;
  throw new UserError(
    `Expected a corpus of one machine in ${corpusDir} but received one with a store, whose queue is there; ${advice}.`,
  );
}
