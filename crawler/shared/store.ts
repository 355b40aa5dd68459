/**
 * A PostgreSQL database that many machines crawl into: connections, transactions, and what its errors mean to an operator. The
 * client is loaded here, and only where a corpus names a store. No message of ours has a password in it.
 */
import { Socket } from 'node:net';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
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
  /** How long a statement may take, and a transaction may stand still, before the server ends it, in ms. */
  readonly statementMs?: number;
  readonly standstillMs?: number;
}

const connectMs = 10_000;

/** How long a connection may take to end in good order, in ms. */
const closeMs = 1000;

/** PostgreSQL 13 has all that is used here. */
const oldestServer = 130_000;

/** Connects. Throws a UserError where there is no server, database or permission. */
export async function openStore({
  url,
  connections = 4,
  statementMs = 60_000,
  standstillMs = 30_000,
}: StoreOptions): Promise<Store> {
  const place = placeOf(url);
  const { default: pg } = await import('pg');
  const sockets = new Set<Socket>();
  const pool = new pg.Pool({
    stream: () => socketIn(sockets),
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    application_name: 'lait',
    statement_timeout: statementMs,
    query_timeout: statementMs + 5000,
    idle_in_transaction_session_timeout: standstillMs,
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

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

/** Two transactions met; the same one will do. */
const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error));

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
  'ENOENT',
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '25P03',
]);

/** Whether the same statement may do in a while: the server is away, starts again, or two transactions met. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (connectionCodes.has(code) || code.startsWith('08') || isConflict(error)) return true;
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
  if (code === '42501') return tell('a user that may write', `a refusal (${code})`, 'grant it the database');
  if (/does not support SSL/.test(error.message)) return tell('encryption', 'a server without', 'correct sslmode');
  if (isTransient(error)) {
    const why = code || error.message;
    return isRunning
      ? tell(
          'a PostgreSQL server',
          `none for too long (${why})`,
          'what was committed is kept: run the same command again',
          1,
        )
      : tell('a PostgreSQL server', `none (${why})`, 'start it, or correct store in lait.yaml');
  }
  return error;
}
