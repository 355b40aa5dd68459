/**
 * What fails on this machine, which says nothing about the web: no file descriptors or memory left, or no network. It is
 * thrown, since the web's faults alone are values: no URL is marked, all go back into the queue.
 */
import { closeSync, openSync, readFileSync, type StatsFs, statfsSync } from 'node:fs';
import { connect, type LookupFunction } from 'node:net';
import { devNull, tmpdir } from 'node:os';
import { causesOf } from '../../dataset/causes.ts';
import { hasFiles } from '../../dataset/open-database.ts';
import { UserError } from '../../dataset/user-error.ts';

/** What the system lacks, by error code (errno(3)). */
const lacks: Readonly<Record<string, string>> = {
  EMFILE: 'file descriptors for this process',
  ENFILE: 'file descriptors in the whole system',
  ENOMEM: 'memory',
  ENOBUFS: 'memory for sockets',
  EAI_MEMORY: 'memory to look up names',
};

/** The error that ends a crawl when the machine lacks something; null when the error, or one within it, says nothing of the kind. */
export function machineLacks(error: unknown): UserError | null {
  for (const one of causesOf(error)) {
    if (one instanceof UserError) return one;
    const { code = '', message } = one as NodeJS.ErrnoException;
    // What starts a process says it in words: "spawn EMFILE", "posix_spawn: Too many open files".
    const found = lacks[code] === undefined ? /\b(?:EMFILE|ENFILE|ENOMEM|ENOBUFS)\b/.exec(message)?.[0] : code;
    if (found !== undefined) return lacking(found, one);
  }
  return null;
}

const lacking = (code: string, cause: unknown): UserError =>
  new UserError(
    `this machine has no ${lacks[code]} left (${code}); what was done is kept: raise the limit (ulimit -n) or lower --concurrency, and run the same command again.`,
    { exitCode: 1, cause },
  );

/** The error when a name could not be looked up because no file can be opened, which getaddrinfo reports as an unknown name. */
export function filesRanOut(): UserError | null {
  try {
    closeSync(openSync(devNull, 'r'));
    return null;
  } catch (error) {
    return machineLacks(error);
  }
}

/**
 * Ours: Chromium, which has the limit of who starts it, crashes with 112 at its first page, and does not with 125. A page that it
 * crashes at would be to blame.
 */
const browserFiles = 256;

/** The error when the system lets a browser open too few files; null where it does not say. `limits` is as in proc(5). */
export function tooFewFilesToRender(limits = limitsOfProcess()): UserError | null {
  const limit = /^Max open files +(\d+)/m.exec(limits)?.[1];
  if (limit === undefined || Number(limit) >= browserFiles) return null;
  return new UserError(
    `Chromium needs ${browserFiles} open files and may have ${limit}; what was done is kept: raise the limit (ulimit -n), or leave pages unrendered (--render never), and run the same command again.`,
    { exitCode: 1 },
  );
}

/** Ours: a fresh profile takes 5.5 MB and 180 files (measured), and what pages share with Chromium lies beside it. With 200 kB it hangs. */
const toStart = { bytes: 32_000_000, files: 500 };
/** Ours: one that runs has its profile. A page that fails where there is more says nothing of the disk. */
const toGoOn = { bytes: 1_000_000, files: 10 };

type Room = Pick<StatsFs, 'bavail' | 'bsize' | 'files' | 'ffree'>;

/** The error when there is no room for the temporary files of a browser, which says nothing of it, and fails for every page. */
export const noRoomToRender = (folder?: string, found?: Room): UserError | null => noRoom(toStart, folder, found);

/** The same for a browser that runs. */
export const noRoomToGoOn = (folder?: string, found?: Room): UserError | null => noRoom(toGoOn, folder, found);

function noRoom(needed: typeof toStart, folder = tmpdir(), found: Room = statfsSync(folder)): UserError | null {
  const bytes = found.bavail * found.bsize;
  if (bytes >= needed.bytes && hasFiles(found, needed.files)) return null;
  return new UserError(
    `Chromium needs ${needed.bytes / 1e6} MB and ${needed.files} files for a while and ${folder} has room for ${Math.floor(bytes / 1e6)} MB and ${found.ffree} files; what was done is kept: make room or set TMPDIR to another folder, and run the same command again.`,
    { exitCode: 1 },
  );
}

function limitsOfProcess(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}

/** Errors that a machine without a network gives for every host, and one with a network for some. */
const suspicious = new Set(['EAI_AGAIN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL']);

/** Whether an error may come from this machine having no network: all that are within it say so. */
export function hintsAtNoNetwork(error: unknown): boolean {
  const innermost = causesOf(error).filter((one) => !(one instanceof AggregateError));
  return innermost.length > 0 && innermost.every((one) => suspicious.has((one as NodeJS.ErrnoException).code ?? ''));
}

/** No host can be reached at the moment; the URL goes back into the queue as it was. */
export class NoNetwork extends Error {
  override readonly name = 'NoNetwork';
}

/** No request may be sent at the moment; the URL goes back into the queue as it was. */
export class Withheld extends Error {
  override readonly name = 'Withheld';
}

/** Whether this machine has a network, told by the hosts that answered. */
export interface Network {
  /** Notes that a host answered, be it with an error of its own. */
  answered(origin: string): void;
  /** After a suspicious error: whether a host that answered before can still be reached. */
  isUp(): Promise<boolean>;
  /** How long nothing is to be asked for, in ms. */
  pauseMs(): number;
  /** The error that ends the crawl, once no host could be reached for too long. */
  outage(): UserError | null;
}

/** Hosts asked whether they can still be reached; one of them may have gone itself. */
const maxWitnesses = 3;
const witnessTimeoutMs = 5000;
/** An answer, or one look at the witnesses, counts for so long, in ms: many requests fail at once. */
const believeMs = 500;
/** Pauses double from the first to the longest, in ms. */
const firstPauseMs = 1000;
const maxPauseMs = 60_000;
/**
 * Ours: a router starts again in two or three minutes. Where no host ever answered in this run the machine is most likely
 * offline, and a person waits at the command line.
 */
export const maxOutageMs = 5 * 60_000;
export const maxSilenceMs = 15_000;

/** Watches the network of one run. The witnesses are connected to, nothing is asked of them. */
export function watchNetwork(lookup: LookupFunction): Network {
  const witnesses: string[] = [];
  let downSinceMs: number | null = null;
  let pausedUntilMs = 0;
  let pause = firstPauseMs;
  let lastAnswerMs = Number.NEGATIVE_INFINITY;
  let last: { readonly verdict: Promise<boolean>; untilMs: number } | undefined;

  const answered = (origin: string): void => {
    downSinceMs = null;
    pause = firstPauseMs;
    lastAnswerMs = performance.now();
    if (witnesses[0] === origin) return;
    const at = witnesses.indexOf(origin);
    if (at > 0) witnesses.splice(at, 1);
    witnesses.unshift(origin);
    witnesses.splice(maxWitnesses);
  };

  const look = async (): Promise<boolean> => {
    const reached = await Promise.all(witnesses.map((origin) => canConnect(origin, lookup)));
    if (reached.includes(true)) {
      downSinceMs = null;
      pause = firstPauseMs;
      return true;
    }
    downSinceMs ??= performance.now();
    pausedUntilMs = performance.now() + pause;
    pause = Math.min(maxPauseMs, 2 * pause);
    return false;
  };

  return {
    answered,
    async isUp() {
      const now = performance.now();
      if (now - lastAnswerMs < believeMs) return true;
      if (last === undefined || last.untilMs < now) {
        const next = { verdict: look(), untilMs: Number.POSITIVE_INFINITY };
        last = next;
        void next.verdict.then(() => {
          next.untilMs = performance.now() + believeMs;
        });
      }
      return last.verdict;
    },
    pauseMs: () => (downSinceMs === null ? 0 : Math.max(0, pausedUntilMs - performance.now())),
    outage() {
      const limitMs = witnesses.length === 0 ? maxSilenceMs : maxOutageMs;
      if (downSinceMs === null || performance.now() - downSinceMs < limitMs) return null;
      return new UserError(
        'no host can be reached, and no name looked up: this machine seems to have no network; what was done is kept: run the same command again when it has one.',
        { exitCode: 1 },
      );
    },
  };
}

/** Whether a connection comes about; one that is refused has been answered, too. */
function canConnect(origin: string, lookup: LookupFunction): Promise<boolean> {
  const { hostname, port, protocol } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
      lookup,
      timeout: witnessTimeoutMs,
    });
    const end = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(['ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? '')),
    );
  });
}
