/** A PostgreSQL server of its own in a temporary folder, on a port of 127.0.0.1: started, killed and started again by a test. */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../helpers/free-port.ts';

const debian = '/usr/lib/postgresql';

/** The folder of the server's programs: Debian's newest, or that of a `pg_ctl` on the path; null when there is none. */
function programs(): string | null {
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(':')];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'pg_ctl'))) ?? null;
}

/** The server refuses to run as root: another user then, who need not be able to do anything. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** Why tests of a shared corpus are skipped; false where there is a server. */
export const noPostgres: string | false = programs() === null && 'no PostgreSQL server (initdb, pg_ctl) was found';

export interface PostgresServer {
  readonly port: number;
  /** With user and password, of a database that is made now. */
  newDatabase(): string;
  /** Runs SQL in a database of this server and returns its output without headings. */
  sql(url: string, statement: string): string;
  /** As after a crash: nothing is flushed, every connection ends. */
  restart(): void;
  /** CPU seconds of all its processes that have ended or run now. */
  cpuSeconds(): number;
  stop(): void;
}

export const password = 'secret-word';

/** `more` are lines of its configuration, by name. */
export async function startPostgres(more: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const bin = programs()!;
  const user = serverUser();
  const folder = mkdtempSync(join(tmpdir(), 'lait-postgres-'));
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password);
  if (user !== undefined) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid);
  const port = await freePort();
  const run = (program: string, args: readonly string[], input?: string): string =>
    execFileSync(join(bin, program), args, {
      encoding: 'utf8',
      cwd: folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PGPASSWORD: password, LC_ALL: 'C' },
      ...(input === undefined ? {} : { input }),
      ...user,
    });
  run('initdb', ['-D', data, '-U', 'lait', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--no-sync']);
  const settings = [
    ['listen_addresses', '127.0.0.1'],
    ['port', port],
    ['unix_socket_directories', folder],
    ['logging_collector', 'off'],
    ...Object.entries(more),
  ];
  writeFileSync(join(data, 'postgresql.auto.conf'), settings.map(([key, value]) => `${key} = '${value}'\n`).join(''));
  // Without -l the server would keep our pipes open.
  const control = (...args: string[]): string => run('pg_ctl', ['-D', data, '-w', '-l', join(folder, 'log'), ...args]);
  control('start');
  let databases = 0;
  const url = (name: string): string => `postgres://lait:${password}@127.0.0.1:${port}/${name}`;
  const sql = (to: string, statement: string): string =>
    run('psql', ['-X', '-A', '-t', '-q', to, '-c', statement]).trim();
  return {
    port,
    newDatabase() {
      databases += 1;
      sql(url('postgres'), `CREATE DATABASE birds${databases}`);
      return url(`birds${databases}`);
    },
    sql,
    restart: () => void control('restart', '-m', 'immediate'),
    cpuSeconds: () => cpuSecondsOf(data),
    stop() {
      control('stop', '-m', 'immediate');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Of the postmaster and its children, from /proc; those that have ended count with their parent. */
function cpuSecondsOf(data: string): number {
  const root = execFileSync('head', ['-1', join(data, 'postmaster.pid')], { encoding: 'utf8' }).trim();
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = execFileSync('cat', [`/proc/${pid}/stat`], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        return [{ pid, fields: line.split(') ')[1]!.split(' ') }];
      } catch {
        return [];
      }
    })
    .filter(({ pid, fields }) => pid === root || fields[1] === root);
  const ticks = stats.reduce(
    (sum, { pid, fields }) =>
      sum + Number(fields[11]) + Number(fields[12]) + (pid === root ? Number(fields[13]) + Number(fields[14]) : 0),
    0,
  );
  return ticks / 100;
}
