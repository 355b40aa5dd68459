/**
 * A PostgreSQL database that many machines crawl into: connections, transactions, and what its errors mean to an operator. The
 * client is loaded here, and only where a corpus names a store. No message of ours has a password in it.
 */
import { Socket } from 'node:net';
import type { ClientBase, Pool, PoolClient, QueryResultRow } from 'pg';
import { UserError } from '../../dataset/user-error.ts';

/** Runs one statement, which is prepared once for each connection. */
export type Query = <Row extends QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

export interface Store {
  /** What the store is called in messages: its URL without user and password. */
  readonly place: string;
  readonly query: Query;
  /** Runs statements as one transaction (READ COMMITTED); what `work` throws undoes all of them. */
  atomically<T>(work: (query: Query) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** `postgres://USER@HOST:PORT/DATABASE`; what it leaves out is as in libpq's environment (PGUSER, PGPASSWORD, ~/.pgpass …). */
  readonly url: string;
  readonly connections?: number;
  /** One connection stays open while nobody uses it: what is of a session, as a lock, lasts. */
  readonly isKept?: boolean;
  /** How long a statement may take, and a transaction may stand still, before the server ends it, in ms. */
  readonly statementMs?: number;
  readonly standstillMs?: number;
  /** Every statement looks rows up by their keys. */
  readonly onlyLookups?: boolean;
}

const connectMs = 10_000;

/**
 * Plans that go through indexes, whatever the server believes of the tables. It plans a statement once for each connection; made while
 * a table was small, such a plan joins by reading all of it, for every batch, until the table is analysed again.
 */
const lookupSettings = [
  'enable_hashjoin = off',
  'enable_mergejoin = off',
  'enable_material = off',
  'enable_seqscan = off',
  'jit = off',
  'plan_cache_mode = force_generic_plan',
];

/** How long a connection may take to end in good order, in ms. */
const closeMs = 1000;

/** PostgreSQL 13 has all that is used here. */
const oldestServer = 130_000;

/** Connects. Throws a UserError where there is no server, database or permission. */
export async function openStore({
  url,
  connections = 4,
  isKept = false,
  statementMs = 60_000,
  standstillMs = 30_000,
  onlyLookups = false,
}: StoreOptions): Promise<Store> {
  const place = placeOf(url);
  const { default: pg } = await import('pg');
  const sockets = new Set<Socket>();
  const pool = new pg.Pool({
    stream: () => socketIn(sockets),
    connectionString: verifying(url),
    max: connections,
    min: isKept ? 1 : 0,
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    application_name: 'lait',
    statement_timeout: statementMs,
    query_timeout: statementMs + 5000,
    idle_in_transaction_session_timeout: standstillMs,
    onConnect: async (client: ClientBase) => {
      if (onlyLookups) await client.query(lookupSettings.map((one) => `SET ${one}`).join('; '));
    },
  });
  // A connection that breaks while nobody uses it; whoever needs one next gets another.
  pool.on('error', () => {});
  const store: Store = {
    place,
    query: async (text, values) => (await pool.query(statement(text, values))).rows,
    atomically: (work) => inTransaction(pool, work),
    close: () => closed(pool, sockets),
  };
  try {
    const [server] = await store.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    );
    if (server!.version >= oldestServer) return store;
    throw new UserError(
      `Expected PostgreSQL 13 or later at ${place} but received ${server!.version}; update the server.`,
    );
  } catch (error) {
    await store.close();
    throw storeFault(error, place);
  }
}

/** Kept, so that closing ends it whatever the server does: one that waits for a password holds the connection for a minute. */
function socketIn(sockets: Set<Socket>): Socket {
  const socket = new Socket();
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  return socket;
}

async function closed(pool: Pool, sockets: ReadonlySet<Socket>): Promise<void> {
  const ended = pool.end().catch(() => {});
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, closeMs);
  await ended;
  clearTimeout(timer);
}

async function inTransaction<T>(pool: Pool, work: (query: Query) => Promise<T>): Promise<T> {
  const client: PoolClient = await pool.connect();
  let isBroken = false;
  const onError = (): void => {
    isBroken = true;
  };
  client.on('error', onError);
  try {
    await client.query('START TRANSACTION');
    const result = await work(async (text, values) => (await client.query(statement(text, values))).rows as never);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // What stands still in the middle of a statement is no use to anyone.
    if (isTransient(error) && !isConflict(error)) isBroken = true;
    else await client.query('ROLLBACK').catch(onError);
    throw error;
  } finally {
    client.off('error', onError);
    client.release(isBroken);
  }
}

const names = new Map<string, string>();

function statement(text: string, values: readonly unknown[] = []): { name: string; text: string; values: unknown[] } {
  let name = names.get(text);
  if (name === undefined) {
    name = `lait-${names.size}`;
    names.set(text, name);
  }
  return { name, text, values: [...values] };
}

/** The URL as messages have it. Throws a UserError for what is none. */
export function placeOf(url: string): string {
  // An empty host is the socket of this machine, which URL takes for a mistake beside a user.
  const readable = url.replace(/^(postgres(?:ql)?:\/\/)[^/?#]*@/i, '$1').replace(/[?#].*$/s, '');
  if (!/^postgres(?:ql)?:\/\/[^/\s@]*\/[^/\s@]+$/i.test(readable)) {
    throw new UserError('Expected postgres://HOST/DATABASE for store but received something else; correct lait.yaml.');
  }
  return readable;
}

/** `require` and its like are `verify-full` to the client, which warns that a later version will take them for less. */
const verifying = (url: string): string =>
  /[?&]uselibpqcompat=true/.test(url)
    ? url
    : url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

/** Two transactions met; the same one will do. */
const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error));

/** What the system says where a server cannot be reached. */
const connectionCodes = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** What a server says that will serve again in a while, by SQLSTATE (PostgreSQL's manual, appendix A). */
const passing: Readonly<Record<string, string>> = {
  '25006': 'a standby, which may only be read',
  '25P03': 'a transaction that stood still for too long',
  '53000': 'too few resources',
  '53100': 'a full disk',
  '53200': 'too little memory',
  '53300': 'too many connections',
  '55P03': 'a lock that another program holds',
  '57014': 'a statement that took too long',
  '57P01': 'a server that is shut down',
  '57P02': 'a server that crashed',
  '57P03': 'a server that is starting',
  '57P05': 'a connection that stood still for too long',
  '58000': 'an error of its system',
  '58030': 'an error of its disk',
};

/** Node's and OpenSSL's codes of a certificate that does not hold. */
const isCertificateCode = (code: string): boolean =>
  /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|UNABLE_TO_(?:GET|VERIFY|DECRYPT)|HOSTNAME_MISMATCH)/.test(
    code,
  );

/** Whether the same statement may do in a while: the server is away, starts again, has no room, or two transactions met. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (connectionCodes.has(code) || code.startsWith('08') || code in passing || isConflict(error)) return true;
  // The socket of a server on this machine that is starting again; any other file is an operator's mistake.
  if (code === 'ENOENT' && (error as { syscall?: unknown }).syscall === 'connect') return true;
  if (error instanceof AggregateError) return error.errors.every(isTransient);
  const message = error instanceof Error ? error.message : '';
  return /^Connection terminated|timeout exceeded when trying to connect|^Query read timeout|^Client has encountered a connection error|^Client was closed/.test(
    message,
  );
}

/** What an error of the store means to who runs the command; others come back as they are. */
export function storeFault(error: unknown, place: string, { isRunning = false } = {}): unknown {
  if (error instanceof UserError || !(error instanceof Error)) return error;
  const code = codeOf(error);
  const tell = (expectation: string, received: string, advice: string, exitCode: 1 | 2 = 2): UserError =>
    new UserError(`Expected ${expectation} for ${place} but received ${received}; ${advice}.`, {
      exitCode,
      cause: error,
    });
  const credentials = 'give them in the URL of store, by PGUSER and PGPASSWORD, or in ~/.pgpass';
  if (code === '28P01' || code === '28000') return tell('user and password', `a refusal (${code})`, credentials);
  if (/client password must be|SASL/.test(error.message)) return tell('a password', 'none', credentials);
  if (code === '3D000') return tell('a database', 'none of this name', 'make it with createdb');
  if (code === '57P04') return tell('a database', 'one that was dropped (57P04)', 'make it again with createdb');
  if (code === '42501') return tell('a user that may write', `a refusal (${code})`, 'grant it the database');
  if (['42P01', '42703', '3F000'].includes(code)) {
    const advice = 'use the lait that made them, or another database';
    return tell('the tables of lait', `others, or only a part of them (${code}: ${error.message})`, advice);
  }
  if (/does not support SSL/.test(error.message)) return tell('encryption', 'a server without', 'correct sslmode');
  if (isCertificateCode(code)) {
    const advice = 'name the authority by ?sslrootcert=FILE, or correct the host';
    return tell('a certificate that can be verified', `another (${code}: ${error.message})`, advice);
  }
  if (/^(?:ERR_SSL|ERR_TLS|EPROTO)/.test(code))
    return tell('an encrypted connection', `none (${code})`, 'correct sslmode');
  if (code.startsWith('XX')) {
    return tell('a sound server', `an inner error (${code}: ${error.message})`, 'see to the server and its log', 1);
  }
  if (!isTransient(error)) return error;
  const why = passing[code] === undefined ? code || error.message : `${passing[code]} (${code})`;
  const [received, since] = passing[code] === undefined ? [`none (${why})`, `none for too long (${why})`] : [why, why];
  return isRunning
    ? tell('a PostgreSQL server', since, 'what was committed is kept: run the same command again', 1)
    : tell('a PostgreSQL server', received, 'see that it serves, or correct store in lait.yaml');
}
