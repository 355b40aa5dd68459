/** What is known of origins (robots.txt, files of rights), for all workers. Times are the server's; this machine counts only what has passed. */
import type { OriginStore } from '../fetch/policy-files.ts';
import { steadyNow } from '../policy/clock.ts';
import { uuidOf } from './names.ts';
import type { Store } from './store.ts';

/** `tried` gives null while the server is away: then an origin is new, and nothing is kept of it. */
export const openOrigins = (store: Store, tried: <T>(work: () => Promise<T>) => Promise<T | null>): OriginStore => ({
  async origin(key) {
    const rows = await tried(() =>
      store.query<{ rules: string; left_ms: number }>(
        `SELECT rules, extract(epoch FROM until_at - clock_timestamp())::float8 * 1000 AS left_ms FROM lait.origins WHERE hash = $1`,
        [uuidOf(key)],
      ),
    );
    const row = rows?.[0];
    return row && { rules: row.rules, untilMs: steadyNow() + row.left_ms };
  },
  async setOrigin(key, rules, untilMs) {
    await tried(() =>
      store.query(
        `INSERT INTO lait.origins (hash, rules, until_at, key) VALUES ($1, $2, now() + $3 * interval '1 ms', $4)
         ON CONFLICT (hash) DO UPDATE SET rules = excluded.rules, until_at = excluded.until_at, key = excluded.key`,
        [uuidOf(key), rules.replaceAll('\0', ''), untilMs - steadyNow(), key],
      ),
    );
  },
});
