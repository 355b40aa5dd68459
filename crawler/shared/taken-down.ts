/**
 * What folders that collect a shared crawl have taken down, by hashes of URLs and hosts: its workers ask for none of it. What is told by its
 * bytes alone is refused when it is collected.
 */
import { corpusMark } from '../../dataset/ledger/corpus-mark.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { namesOfUrl, takenDownAddresses } from '../../dataset/ledger/tombstones.ts';
import { keyOf } from '../policy/url.ts';
import { uuidOf } from './names.ts';
import { openSharedCorpus } from './schema.ts';
import { openStore, type Query, storeFault } from './store.ts';

const nameOf = (kind: 'url' | 'host', value: string): string => uuidOf(`${kind} ${value}`);

/** Tells workers what a ledger has taken down, and no more what was taken back. To be called within a transaction. */
export async function tellTakenDown(query: Query, ledger: Ledger): Promise<void> {
  const { id } = corpusMark(ledger);
  const names = takenDownAddresses(ledger).map(([kind, value]) => nameOf(kind, value));
  await query(
    `DELETE FROM lait.taken_down t WHERE ledger = $1 AND NOT EXISTS (SELECT FROM unnest($2::uuid[]) n (name) WHERE n.name = t.name)`,
    [id, names],
  );
  await query(
    `INSERT INTO lait.taken_down (name, ledger) SELECT DISTINCT name, $1 FROM unnest($2::uuid[]) n (name)
     ORDER BY name ON CONFLICT DO NOTHING`,
    [id, names],
  );
}

/** The same where nobody is connected; nothing where no crawl is shared. Throws a UserError where the store is away. */
export async function tellTakenDownAt(url: string, ledger: Ledger): Promise<void> {
  const store = await openStore({ url, connections: 1 });
  try {
    const [crawl] = await store.query(`SELECT WHERE to_regclass('lait.corpus') IS NOT NULL`);
    if (crawl === undefined) return;
    await openSharedCorpus(store, { create: false });
    await store.atomically((query) => tellTakenDown(query, ledger));
  } catch (error) {
    throw storeFault(error, store.place);
  } finally {
    await store.close();
  }
}

/** Those of these that were taken down, or lead to what was. */
export async function takenDownAmong<Row extends { readonly url: string; readonly at: string }>(
  query: Query,
  rows: readonly Row[],
): Promise<ReadonlySet<Row>> {
  const names = rows.flatMap((row, n) =>
    [row.url, keyOf(row.at)]
      .map(namesOfUrl)
      .flatMap(({ urls, hosts }) => [
        ...urls.map((one) => ({ n, name: nameOf('url', one) })),
        ...hosts.map((one) => ({ n, name: nameOf('host', one) })),
      ]),
  );
  const found = await query<{ n: number }>(
    `SELECT DISTINCT n FROM unnest($1::int[], $2::uuid[]) w (n, name) WHERE EXISTS (SELECT FROM lait.taken_down t WHERE t.name = w.name)`,
    [names.map(({ n }) => n), names.map(({ name }) => name)],
  );
  return new Set(found.map(({ n }) => rows[n]!));
}
