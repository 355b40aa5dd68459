/** Who is writing to a database of a corpus at the moment, in words for people. */
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { lockHolder } from '../corpus-lock.ts';
import { printable } from '../escape.ts';

/** The byte of the `-shm` file that a writer locks (SQLite's WAL-index: WAL_WRITE_LOCK). */
const writeLockByte = 120;

/** A command of lait with its process, or another program by its name; `another program` where the system does not say. Linux says. */
export function writerOf(path: string): string {
  const pid = pidOf(path);
  if (pid === null) return 'another program';
  return lockHolder(dirname(path), pid) ?? `${printable(nameOf(pid))} (pid ${pid})`;
}

function pidOf(path: string): number | null {
  try {
    const { ino } = statSync(`${path}-shm`);
    // 1: POSIX  ADVISORY  WRITE 14063 fe:00:10125644 120 120
    const held = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/ +/))
      .find(
        ([, , , access, , file = '', from]) =>
          access === 'WRITE' && file.endsWith(`:${ino}`) && from === String(writeLockByte),
      );
    const pid = Number(held?.[4]);
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'another program';
  }
}
