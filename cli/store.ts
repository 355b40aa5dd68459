/** Where a corpus that many machines crawl has its queue and its record, and what such a corpus cannot do. */
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

/** Refuses what would write another queue than the one that the workers share. */
export function refuseShared(corpusDir: string, advice: string): void {
  if (readConfig(corpusDir).store === undefined) return;
  throw new UserError(
    `Expected a corpus of one machine in ${corpusDir} but received one with a store, whose queue is there; ${advice}.`,
  );
}
