/**
 * What an error means for who runs the command: one line and an exit code. The operator's mistakes and the machine's limits have their
 * words here, whatever part of lait meets them; what is left is a fault of ours, with its stack.
 */
import { resolve, sep } from 'node:path';
import { causesOf } from '../dataset/causes.ts';
import { diskFullError } from '../dataset/disk-full.ts';
import { UserError } from '../dataset/user-error.ts';

/** What to say and with which code to end. */
export interface Fault {
  readonly line: string;
  /** 1 where the same command will do once the machine has room, or where the fault is ours; 2 where something must be changed. */
  readonly exitCode: 1 | 2;
  /** It is no mistake that is understood: the stack belongs to the report. */
  readonly isOurs: boolean;
}

/** Codes that speak of a path. */
const pathCodes = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EEXIST',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTEMPTY',
  'ENXIO',
  'EBUSY',
  'ETXTBSY',
  'EXDEV',
  'EINVAL',
  'ERR_FS_EISDIR',
  'ERR_FS_FILE_TOO_LARGE',
]);

/** Codes of what may not be read or written, wherever it lies. SQLite's carry no path. */
const permissionCodes = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'SQLITE_CANTOPEN',
  'SQLITE_CANTOPEN_ISDIR',
  'SQLITE_READONLY',
  'SQLITE_READONLY_DIRECTORY',
  'SQLITE_READONLY_DBMOVED',
  'SQLITE_READONLY_CANTINIT',
  'SQLITE_PERM',
  'SQLITE_AUTH',
]);

const files = { what: 'open files', advice: 'raise the limit (ulimit -n)' };
const memory = { what: 'memory', advice: 'give it more' };

/** What the system has no more of, by code (errno(3)). */
const lacks: Readonly<Record<string, { readonly what: string; readonly advice: string }>> = {
  EMFILE: files,
  ENFILE: { ...files, advice: 'raise the limit of the whole system (fs.file-max)' },
  ENOMEM: memory,
  SQLITE_NOMEM: memory,
  EAGAIN: { what: 'processes or threads', advice: 'raise the limit (ulimit -u)' },
  ERR_WORKER_INIT_FAILED: { what: 'open files or threads', advice: 'raise the limits (ulimit -n, ulimit -u)' },
};

/** The folders of lait itself, and any package: a path in them is none of the operator's. A corpus may lie beside them. */
const program = ['cli', 'crawler', 'dataset', 'filters', 'model'].map(
  (name) => resolve(import.meta.dirname, '..', name) + sep,
);
const packages = `${sep}node_modules${sep}`;

/** Says what an error is, by the first of it and its causes that is known. */
export function faultOf(error: unknown): Fault {
  if (error instanceof UserError) return { line: error.message, exitCode: error.exitCode, isOurs: false };
  const noRoom = diskFullError(error);
  if (noRoom !== null) {
    // The message names the file where the system says which: the temporary files may lie on a disk of their own.
    const line = `the disk is full, or a limit on file sizes is reached (${words(noRoom.code, noRoom)}); what was committed is whole: make room and run the same command again.`;
    return { line, exitCode: 1, isOurs: false };
  }
  for (const one of causesOf(error)) {
    const known = knownFault(one);
    if (known !== null) return { ...known, isOurs: false };
  }
  return { line: 'this is a fault of lait itself; what was committed so far is kept.', exitCode: 1, isOurs: true };
}

/** Node.js begins messages of the system with their code, SQLite does not. */
const words = (code: string, { message }: Error): string =>
  message.startsWith(`${code}:`) ? message : `${code}: ${message}`;

function knownFault(error: Error): Pick<Fault, 'line' | 'exitCode'> | null {
  const { code, path, dest } = error as { code?: unknown; path?: unknown; dest?: unknown };
  if (code === 'ERR_DLOPEN_FAILED' || /^Could not locate the bindings file/.test(error.message)) {
    const isOther = error.message.includes('NODE_MODULE_VERSION');
    const received = isOther ? 'addons for another' : code === undefined ? 'none' : error.message.split('\n')[0];
    const line = `Expected native addons for Node.js ${process.versions.node} but received ${received}; run \`npx lait setup\` with this Node.js.`;
    return { line, exitCode: 2 };
  }
  if (typeof code !== 'string') return null;
  // What is read from an open folder carries no path.
  if (code === 'EISDIR' && path === undefined) {
    return { line: 'Expected a file but received a folder (EISDIR); name the file itself.', exitCode: 2 };
  }
  const isPath = typeof path === 'string';
  if (permissionCodes.has(code) || (pathCodes.has(code) && isPath && !isOurs(path))) {
    const name = isPath
      ? JSON.stringify(path) + (typeof dest === 'string' ? ` to ${JSON.stringify(dest)}` : '')
      : 'the corpus';
    const line = `Expected a path that can be used but received ${name} (${error.message}); name another, or allow its use.`;
    return { line, exitCode: 2 };
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code === 'SQLITE_FORMAT') {
    const line = `Expected whole databases in the corpus but received a damaged one (${words(code, error)}); put ledger.db and frontier.db back from a copy, or run \`lait verify --repair\`, which saves what can still be read.`;
    return { line, exitCode: 2 };
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    const line = `Expected the corpus’ databases to be free but another program holds one (${code}); end it, and run the same command again.`;
    return { line, exitCode: 2 };
  }
  if (code.startsWith('SQLITE_IOERR') || code === 'SQLITE_PROTOCOL' || code === 'EIO' || code === 'ESTALE') {
    const line = `the disk or the network file system failed (${words(code, error)}); what was committed is whole as far as the disk is: see to it, and run the same command again.`;
    return { line, exitCode: 1 };
  }
  if (code === 'EADDRINUSE') {
    return { line: `Expected a free port but another program has it (${error.message}); end it first.`, exitCode: 2 };
  }
  const lacking = lacks[code];
  if (lacking !== undefined) {
    const line = `this machine has no more ${lacking.what} for lait (${words(code, error)}); ${lacking.advice} and run the same command again.`;
    return { line, exitCode: 1 };
  }
  return null;
}

function isOurs(path: string): boolean {
  const full = resolve(path) + sep;
  return full.includes(packages) || program.some((folder) => full.startsWith(folder));
}
