/** What a frontier has waiting, for those who only look: read while a crawl works on it, without its lock. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { frontierVersion, suspendedMs } from './schema.ts';

/** What waits, as of now. */
export interface FrontierView {
  /** URLs that wait, those that are put off left out, and those that are being fetched. */
  readonly queued: number;
  readonly active: number;
  /** Hosts with something waiting: that may be asked now, and that rest. */
  readonly hostsReady: number;
  readonly hostsWaiting: number;
  /** URLs whose origin could not say yet what it allows. */
  readonly putOff: number;
  /** Those with the most waiting, most first. */
  readonly hosts: readonly { readonly name: string; readonly queued: number; readonly pages: number }[];
}

/** Opens the frontier of a corpus for reading only; null where there is none, or one of another version. */
export function openFrontierView(corpusDir: string): {
  look(nowMs?: number): FrontierView;
  close(): void;
} | null {
  const path = join(corpusDir, 'frontier.db');
  if (!existsSync(path)) return null;
  const db = new Database(path, { readonly: true, timeout: 1_000 });
  if (db.pragma('user_version', { simple: true }) !== frontierVersion) {
    db.close();
    return null;
  }
  const waiting = db.prepare(
    `SELECT coalesce(sum(queued), 0) AS queued, coalesce(sum(next_at_ms <= @nowMs), 0) AS hostsReady,
       coalesce(sum(next_at_ms > @nowMs AND next_at_ms < ${suspendedMs}), 0) AS hostsWaiting FROM hosts WHERE queued > 0`,
  );
  const active = db.prepare('SELECT coalesce(sum(active), 0) FROM hosts WHERE active > 0').pluck();
  const putOff = db.prepare('SELECT coalesce(sum(put_off), 0) FROM hosts WHERE put_off > 0').pluck();
  const hosts = db.prepare(
    'SELECT name, queued, pages FROM hosts WHERE queued > 0 ORDER BY queued DESC, name LIMIT 12',
  );
  return {
    look(nowMs = Date.now()) {
      const counts = waiting.get({ nowMs }) as Pick<FrontierView, 'queued' | 'hostsReady' | 'hostsWaiting'>;
      return {
        ...counts,
        active: active.get() as number,
        putOff: putOff.get() as number,
        hosts: hosts.all() as FrontierView['hosts'],
      };
    },
    close: () => db.close(),
  };
}
