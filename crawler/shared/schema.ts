/**
 * The tables of a shared crawl, in the schema `lait` of its database. `urls` is insert-only, since ON CONFLICT waits for rows that other
 * transactions update. What is still to be fetched stands in `queue`, which is small and hot. A host has one owner at most, and
 * `waiting` says that it may have URLs in the queue. `batches` is the record: what became of URLs, as workers committed it.
 */
import { UserError } from '../../dataset/user-error.ts';
import { type Query, type Store, storeFault } from './store.ts';

export const schemaVersion = 1;

/** How long a worker that is not heard of keeps its hosts, in ms: longer than the longest pause and the longest request. */
export const defaultLeaseMs = 120_000;

const partitions = 16;

const tables = (leaseMs: number): string => `
  CREATE SCHEMA lait;
  CREATE TABLE lait.corpus (
    version int NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), lease_ms int NOT NULL, followed text, ledger text
  );
  INSERT INTO lait.corpus (version, lease_ms) VALUES (${schemaVersion}, ${leaseMs});
  -- A number is never given twice: it is the token by which a worker that was declared dead is kept out.
  CREATE TABLE lait.workers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine text NOT NULL, folder text NOT NULL, pid int NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(), seen_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz,
    batch bigint NOT NULL DEFAULT 0, pages bigint NOT NULL DEFAULT 0, images bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0
  );
  CREATE INDEX workers_alive ON lait.workers (id) WHERE ended_at IS NULL;
  CREATE TABLE lait.hosts (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    waiting boolean NOT NULL DEFAULT false,
    worker bigint,
    next_at timestamptz NOT NULL DEFAULT now(),
    wake_at timestamptz,
    pages int NOT NULL DEFAULT 0, failures int NOT NULL DEFAULT 0,
    render_tries int NOT NULL DEFAULT 0, render_gains int NOT NULL DEFAULT 0
  ) WITH (fillfactor = 70);
  CREATE INDEX hosts_ready ON lait.hosts (next_at) WHERE waiting AND worker IS NULL;
  CREATE INDEX hosts_held ON lait.hosts (worker) WHERE worker IS NOT NULL;
  CREATE INDEX hosts_put_off ON lait.hosts (wake_at) WHERE wake_at IS NOT NULL;
  CREATE TABLE lait.urls (
    host bigint NOT NULL, hash uuid NOT NULL,
    kind smallint NOT NULL, url text COLLATE "C" NOT NULL, depth smallint NOT NULL, priority smallint NOT NULL,
    written text, referrer_policy text, page text,
    PRIMARY KEY (host, hash)
  ) PARTITION BY HASH (host);
  ${Array.from(
    { length: partitions },
    (_, i) =>
      `CREATE TABLE lait.urls_${i} PARTITION OF lait.urls FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${i});`,
  ).join('\n  ')}
  -- \`host\` is the one to be asked: that of the URL, or where redirects led. The foreign key's lock is what keeps \`waiting\` true.
  CREATE TABLE lait.queue (
    url_host bigint NOT NULL, hash uuid NOT NULL,
    host bigint NOT NULL REFERENCES lait.hosts (id),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    priority smallint NOT NULL, tries smallint NOT NULL DEFAULT 0, hops smallint NOT NULL DEFAULT 0,
    at text, not_before timestamptz,
    PRIMARY KEY (url_host, hash)
  ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
  CREATE INDEX queue_next ON lait.queue (host, priority DESC, seq);
  CREATE TABLE lait.seeds (hash uuid PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, url text NOT NULL);
  CREATE TABLE lait.origins (hash uuid PRIMARY KEY, rules text NOT NULL, until_at timestamptz NOT NULL, key text);
  CREATE TABLE lait.read_pages (hash uuid PRIMARY KEY);
  CREATE TABLE lait.sitemap_texts (
    page uuid NOT NULL, hash uuid NOT NULL,
    page_url text NOT NULL, image_url text NOT NULL, text text NOT NULL, image_written text,
    PRIMARY KEY (page, hash)
  );
  CREATE TABLE lait.sightings (host bigint NOT NULL, hash uuid NOT NULL, url text NOT NULL, pages int NOT NULL, PRIMARY KEY (host, hash));
  CREATE TABLE lait.patterns (
    key bigint PRIMARY KEY, fertile int NOT NULL, barren int NOT NULL, pictured int NOT NULL, pictureless int NOT NULL
  );
  CREATE TABLE lait.page_texts (key bigint PRIMARY KEY);
  -- Each is a JSON array of outcomes, compressed by gzip.
  CREATE TABLE lait.batches (
    worker bigint NOT NULL, batch bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(), outcomes bytea NOT NULL,
    PRIMARY KEY (worker, batch)
  );
  ALTER TABLE lait.batches ALTER COLUMN outcomes SET STORAGE EXTERNAL;`;

/** Tables that a version of lait may not know which can do without them. `is_done` of a job is that who asked may take it over. */
const laterTables: Readonly<Record<string, string>> = {
  // When a page or sitemap that was read is visited again ('infinity' once it is queued), and what tells then whether it has changed.
  revisits: `
    CREATE TABLE lait.revisits (
      host bigint NOT NULL, hash uuid NOT NULL,
      due_at timestamptz NOT NULL, read_at timestamptz NOT NULL DEFAULT now(), interval_ms float8 NOT NULL, body text NOT NULL, page json,
      PRIMARY KEY (host, hash)
    );
    CREATE INDEX revisits_due ON lait.revisits (due_at) WHERE due_at < 'infinity';`,
  // The same of what was never had.
  failures: `
    CREATE TABLE lait.failures (
      host bigint NOT NULL, hash uuid NOT NULL,
      due_at timestamptz NOT NULL, read_at timestamptz NOT NULL DEFAULT now(), interval_ms float8 NOT NULL,
      PRIMARY KEY (host, hash)
    );
    CREATE INDEX failures_due ON lait.failures (due_at) WHERE due_at < 'infinity';`,
  // When the first machine came to a run of a schedule, by the clock of this server.
  runs: `
    CREATE TABLE lait.runs (at timestamptz PRIMARY KEY, begun_at timestamptz NOT NULL DEFAULT clock_timestamp());`,
  jobs: `
    CREATE TABLE lait.jobs (
      kind text NOT NULL, job_set text NOT NULL, name text NOT NULL, plan text NOT NULL,
      n bigint GENERATED ALWAYS AS IDENTITY,
      worker bigint, tries smallint NOT NULL DEFAULT 0, fault text,
      is_done boolean NOT NULL DEFAULT false, is_withdrawn boolean NOT NULL DEFAULT false,
      PRIMARY KEY (kind, job_set, name)
    );
    CREATE INDEX jobs_open ON lait.jobs (n) WHERE NOT is_done;
    CREATE INDEX jobs_done ON lait.jobs (kind, job_set) WHERE is_done;`,
  // What was taken down in the folder of a ledger: hashes of URLs and hosts (taken-down.ts).
  taken_down: `
    CREATE TABLE lait.taken_down (name uuid NOT NULL, ledger text NOT NULL, PRIMARY KEY (name, ledger));`,
  // What machines that filter together need (filter-job.ts, judge.ts): there only while `lait filter --share` runs, and no record of
  // anything. Contents, results and what is told of a job are gzip of JSON.
  filter_batches: `
    CREATE TABLE lait.filter_jobs (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ledger text NOT NULL,
      machine text NOT NULL, folder text NOT NULL, pid int NOT NULL,
      spec bytea NOT NULL, seen_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE lait.judges (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      machine text NOT NULL, folder text NOT NULL, pid int NOT NULL,
      seen_at timestamptz NOT NULL DEFAULT now(), batches bigint NOT NULL DEFAULT 0, pairs bigint NOT NULL DEFAULT 0
    );
    CREATE TABLE lait.filter_batches (
      job bigint NOT NULL REFERENCES lait.filter_jobs (id) ON DELETE CASCADE, batch int NOT NULL,
      only_here boolean NOT NULL, content bytea NOT NULL,
      judge bigint, tries smallint NOT NULL DEFAULT 0, result bytea,
      PRIMARY KEY (job, batch)
    );
    ALTER TABLE lait.filter_batches ALTER COLUMN content SET STORAGE EXTERNAL, ALTER COLUMN result SET STORAGE EXTERNAL;`,
};

export interface SharedCorpus {
  /** By which a folder knows what it has collected. */
  readonly id: string;
  readonly leaseMs: number;
}

/** The lock under which tables are made, so that workers which start together do not make them twice. */
const lockKey = 5_236_824;

/**
 * The corpus in a database; with `create` an empty database becomes one. Throws a UserError where there is none, for one that was moved into
 * a folder, unless with `again`, and for tables of another version of lait.
 */
export async function openSharedCorpus(
  store: Store,
  { create, leaseMs = defaultLeaseMs }: { readonly create: boolean | 'again'; readonly leaseMs?: number },
): Promise<SharedCorpus> {
  try {
    return await store.atomically(async (query) => {
      await query('SELECT pg_advisory_xact_lock($1)', [lockKey]);
      const [found] = await query<{ schema: string | null; corpus: string | null }>(
        `SELECT to_regnamespace('lait')::text AS schema, to_regclass('lait.corpus')::text AS corpus`,
      );
      if (found!.schema === null && create !== 'again') await refuseMoved(query, store);
      if (found!.schema === null && create) for (const sql of statementsOf(tables(leaseMs))) await query(sql);
      else if (found!.schema === null) {
        throw new UserError(`Expected a shared corpus in ${store.place} but there is none; run \`lait work\` first.`);
      } else if (found!.corpus === null) throw foreign(store, 'a schema `lait` of something else');
      const corpus = await read(query, store);
      for (const [table, column, type] of laterColumns) await addColumn(query, table, column, type);
      for (const [table, sql] of Object.entries(laterTables)) await addTable(query, table, sql);
      return corpus;
    });
  } catch (error) {
    throw storeFault(error, store.place);
  }
}

/** Where a crawl was moved into a folder, no worker that is started again begins another one that asks for everything anew. */
async function refuseMoved(query: Query, { place }: Store): Promise<void> {
  const [kept] = await query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'lait\\_moved\\_%' ORDER BY oid DESC LIMIT 1`,
  );
  if (kept === undefined) return;
  throw new UserError(
    `Expected a shared corpus in ${place} but its crawl was moved into a folder, and is kept as ${kept.name}; run \`lait store move shared\` there, drop that schema, or name another database.`,
  );
}

async function read(query: Query, store: Store): Promise<SharedCorpus> {
  const [row] = await query<{ version: number; id: string; lease_ms: number }>(
    'SELECT version, id, lease_ms FROM lait.corpus',
  );
  if (row === undefined) throw foreign(store, 'an empty table `lait.corpus`');
  if (row.version !== schemaVersion) throw foreign(store, `version ${row.version}`);
  return { id: row.id, leaseMs: row.lease_ms };
}

/** Columns that a version of lait may not know which can do without them: what is missing in their rows is asked for again. */
const laterColumns = [
  ['origins', 'key', 'text'],
  ['corpus', 'ledger', 'text'],
  // What was visited before is read whole at its next visit: the settings by which links and pictures are taken were others.
  ['corpus', 'whole_at', 'timestamptz'],
  ['workers', 'swept', 'text'],
  // Where in S3 it puts pictures, whatever `blobs` becomes later: `work` of the place.
  ['workers', 'pictures', 'text'],
  // URLs of a host that it takes at once.
  ['workers', 'per_host', 'int'],
  // How often workers died that had it under way, as far as is known, and who asks it alone (suspects.ts).
  ['queue', 'deaths', 'smallint NOT NULL DEFAULT 0'],
  ['queue', 'asked_by', 'bigint'],
  // Pages of a host that were read; null for what was not counted yet.
  ['hosts', 'read_pages', 'int'],
] as const;

async function addColumn(query: Query, table: string, column: string, type: string): Promise<void> {
  const [known] = await query(
    'SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped',
    [`lait.${table}`, column],
  );
  if (known === undefined) await query(`ALTER TABLE lait.${table} ADD COLUMN ${column} ${type}`);
}

async function addTable(query: Query, table: string, sql: string): Promise<void> {
  const [known] = await query('SELECT WHERE to_regclass($1) IS NOT NULL', [`lait.${table}`]);
  if (known === undefined) for (const one of statementsOf(sql)) await query(one);
}

const foreign = (store: Store, received: string): UserError =>
  new UserError(
    `Expected tables of version ${schemaVersion} in ${store.place} but received ${received}; use the lait that made them, or another database.`,
  );

/** A prepared statement is one statement: each ends its line here, and comments have lines of their own. */
const statementsOf = (sql: string): string[] =>
  `${sql}\n`
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('--'))
    .join('\n')
    .split(';\n')
    .filter((one) => one.trim() !== '');

/** All workers take the same links and pictures, or what the crawl finds would depend on who reads a page. */
export async function follow(store: Store, settings: string): Promise<void> {
  const [row] = await store.query<{ followed: string | null; others: boolean }>(
    `SELECT followed, (SELECT count(*) FROM lait.workers
       WHERE ended_at IS NULL AND seen_at > now() - corpus.lease_ms * interval '1 ms') > 1 AS others FROM lait.corpus`,
  );
  if (row!.followed === settings) return;
  if (row!.followed !== null && row!.others) {
    throw new UserError(
      `Expected the settings by which the other workers follow links (${row!.followed}) but received ${settings}; use one lait.yaml for all, or stop the others first.`,
    );
  }
  await store.query(
    'UPDATE lait.corpus SET whole_at = CASE WHEN followed IS NULL THEN whole_at ELSE now() END, followed = $1',
    [settings],
  );
}
