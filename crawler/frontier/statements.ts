/** Every SQL statement of the frontier, compiled once. */
import type Database from 'better-sqlite3';
import { aloneAfterDeaths, givenUpAfterDeaths } from './deaths.ts';
import { suspendedMs } from './schema.ts';

/** A lease, of a row that was just taken. */
const leased = `RETURNING id, url, coalesce(at, written, url) AS at, written AS writtenUrl, hops, kind, depth, priority, host_id AS hostId,
  tries, referrer_policy AS referrerPolicy, deaths`;

/** Prepares them for an open `frontier.db`. */
export function statements(db: Database.Database) {
  return named({
    insertUrl: db.prepare(
      'INSERT INTO urls (url, kind, host_id, depth, priority, hops, written, referrer_policy) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    requeue: db.prepare(
      'UPDATE urls SET state = 0, tries = 0, at = NULL, hops = 0, host_id = ?, deaths = min(deaths, ?) WHERE url = ? AND kind = ? AND state = 2',
    ),
    setReferrerPolicy: db.prepare('UPDATE urls SET referrer_policy = ? WHERE url = ? AND kind = 1'),
    insertSeed: db.prepare('INSERT INTO seeds (url) VALUES (?) ON CONFLICT DO NOTHING'),
    seeds: db.prepare('SELECT url FROM seeds ORDER BY url').pluck(),
    anyUrl: db.prepare('SELECT 1 FROM urls LIMIT 1'),
    isKnownPage: db.prepare('SELECT 1 FROM urls WHERE url = ? AND kind = 0'),
    pattern: db.prepare('SELECT fertile, barren, pictured, pictureless FROM patterns WHERE key = ?'),
    setPattern: db.prepare(
      `INSERT INTO patterns (key, fertile, barren, pictured, pictureless) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET fertile = excluded.fertile, barren = excluded.barren, pictured = excluded.pictured,
         pictureless = excluded.pictureless`,
    ),
    insertText: db.prepare('INSERT INTO page_texts (key) VALUES (?) ON CONFLICT DO NOTHING'),
    insertFinished: db.prepare(
      'INSERT INTO urls (url, kind, host_id, depth, priority, state) VALUES (?, ?, ?, ?, ?, 2) ON CONFLICT DO NOTHING',
    ),
    urlId: db.prepare('SELECT id FROM urls WHERE url = ? AND kind = ?').pluck(),
    finishQueued: db
      .prepare('UPDATE urls SET state = 2 WHERE url = ? AND kind = ? AND state = 0 RETURNING host_id')
      .pluck(),
    hostUnqueued: db.prepare('UPDATE hosts SET queued = queued - 1 WHERE id = ?'),
    revisit: db.prepare('SELECT interval_ms AS intervalMs, hash FROM revisits WHERE url_id = ?'),
    setRevisit: db.prepare(
      `INSERT INTO revisits (url_id, due_at_ms, interval_ms, hash) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET due_at_ms = excluded.due_at_ms, interval_ms = excluded.interval_ms, hash = excluded.hash`,
    ),
    due: db.prepare('SELECT url_id FROM revisits WHERE due_at_ms <= ? LIMIT ?').pluck(),
    requeueById: db.prepare(
      'UPDATE urls SET state = 0, tries = 0 WHERE id = ? AND state = 2 RETURNING host_id AS hostId',
    ),
    revisitQueued: db.prepare(`UPDATE revisits SET due_at_ms = ${suspendedMs} WHERE url_id = ?`),
    failed: db.prepare(
      `INSERT INTO failures (url_id, due_at_ms, interval_ms) VALUES (@id, @nowMs + @firstMs, @firstMs)
       ON CONFLICT DO UPDATE SET interval_ms = min(@mostMs, round(interval_ms * @longer)),
         due_at_ms = @nowMs + min(@mostMs, round(interval_ms * @longer))`,
    ),
    hasFailed: db.prepare('SELECT 1 FROM failures WHERE url_id = ?'),
    forgetFailed: db.prepare('DELETE FROM failures WHERE url_id = ?'),
    dueFailed: db.prepare(
      'SELECT f.url_id AS id, u.url, u.kind FROM failures f JOIN urls u ON u.id = f.url_id WHERE f.due_at_ms <= ? LIMIT ?',
    ),
    failedQueued: db.prepare(`UPDATE failures SET due_at_ms = ${suspendedMs} WHERE url_id = ?`),
    neverRead: db
      .prepare(
        `SELECT 1 FROM urls u WHERE u.url = ? AND u.kind = ? AND u.state = 2
           AND NOT EXISTS (SELECT 1 FROM revisits r WHERE r.url_id = u.id)
           AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.url_id = u.id AND f.due_at_ms > ?)`,
      )
      .pluck(),
    insertHost: db.prepare('INSERT INTO hosts (name) VALUES (?) ON CONFLICT DO NOTHING'),
    selectHostId: db.prepare('SELECT id FROM hosts WHERE name = ?').pluck(),
    hostQueued: db.prepare('UPDATE hosts SET queued = queued + 1 WHERE id = ?'),
    readyHosts: db.prepare(
      'SELECT id, active FROM hosts WHERE queued > 0 AND next_at_ms <= ? ORDER BY next_at_ms LIMIT ?',
    ),
    claimUrls: db.prepare(
      `UPDATE urls SET state = 1
       WHERE id IN (SELECT id FROM urls WHERE host_id = ? AND state = 0 ORDER BY priority DESC, id LIMIT ?)
       ${leased}`,
    ),
    // What is not asked alone need not be looked at: there are as many with deaths as one process had under way.
    suspect: db
      .prepare(
        `SELECT u.id FROM urls u JOIN hosts h ON h.id = u.host_id
         WHERE u.deaths > 0 AND u.state = 0 AND u.deaths >= ${aloneAfterDeaths} AND u.deaths < ${givenUpAfterDeaths}
           AND h.next_at_ms <= ? ORDER BY u.priority DESC, u.id LIMIT 1`,
      )
      .pluck(),
    claimUrl: db.prepare(`UPDATE urls SET state = 1 WHERE id = ? ${leased}`),
    anyLease: db.prepare('SELECT 1 FROM hosts WHERE active > 0'),
    countDeath: db.prepare('UPDATE urls SET deaths = deaths + 1 WHERE id = ?'),
    hostClaimed: db.prepare('UPDATE hosts SET queued = queued - ?, active = active + ?, next_at_ms = ? WHERE id = ?'),
    finishUrl: db.prepare(
      `UPDATE urls SET state = 2, deaths = CASE WHEN deaths < ${givenUpAfterDeaths} THEN 0 ELSE deaths END WHERE id = ?`,
    ),
    // What was tried to its end and failed did not end the process.
    returnUrl: db.prepare(
      'UPDATE urls SET state = 0, tries = tries + @failed, priority = priority - 1, deaths = iif(@failed, 0, deaths) WHERE id = @id',
    ),
    moveUrl: db.prepare('UPDATE urls SET state = 0, at = ?, hops = ?, host_id = ? WHERE id = ?'),
    hostFinished: db.prepare(
      `UPDATE hosts SET active = active - 1, queued = queued + ?, pages = pages + ?,
         next_at_ms = CASE WHEN next_at_ms = ${suspendedMs} THEN ? ELSE max(next_at_ms, ?) END WHERE id = ?`,
    ),
    hostRests: db.prepare('UPDATE hosts SET next_at_ms = max(next_at_ms, ?) WHERE id = ?'),
    nextReady: db
      .prepare(
        `SELECT min(at) FROM (SELECT min(next_at_ms) AS at FROM hosts WHERE queued > 0
           UNION ALL SELECT min(put_off_until_ms) FROM hosts WHERE put_off > 0)`,
      )
      .pluck(),
    putOffUrl: db.prepare('UPDATE urls SET state = 3 WHERE id = ?'),
    putOffQueued: db.prepare(
      'UPDATE urls SET state = 3 WHERE url >= ? AND url < ? AND state = 0 AND host_id = ? AND at IS NULL',
    ),
    hostPutOff: db.prepare(
      `UPDATE hosts SET active = active - 1, queued = queued - @queued, put_off = put_off + @queued + 1,
         put_off_until_ms = CASE WHEN put_off = 0 THEN @untilMs ELSE min(put_off_until_ms, @untilMs) END,
         next_at_ms = CASE WHEN next_at_ms = ${suspendedMs} THEN @nextAtMs ELSE max(next_at_ms, @nextAtMs) END
       WHERE id = @id`,
    ),
    dueHosts: db.prepare('SELECT id FROM hosts WHERE put_off > 0 AND put_off_until_ms <= ?').pluck(),
    wakeUrls: db.prepare('UPDATE urls SET state = 0 WHERE host_id = ? AND state = 3'),
    wakeHost: db.prepare('UPDATE hosts SET queued = queued + ?, put_off = 0, put_off_until_ms = 0 WHERE id = ?'),
    clock: db.prepare('SELECT latest_ms FROM clock').pluck(),
    startClock: db.prepare('INSERT INTO clock (latest_ms) VALUES (?)'),
    setClock: db.prepare('UPDATE clock SET latest_ms = ?'),
    finished: db.prepare('SELECT url, kind FROM urls WHERE state = 2'),
    mark: db.prepare('SELECT id, commits FROM corpus'),
    setMark: db.prepare('UPDATE corpus SET id = ?, commits = ?'),
    setCommits: db.prepare('UPDATE corpus SET commits = ?'),
    followed: db.prepare('SELECT settings FROM followed').pluck(),
    forgetFollowed: db.prepare('DELETE FROM followed'),
    setFollowed: db.prepare('INSERT INTO followed (settings) VALUES (?)'),
    host: db.prepare(
      `SELECT id, name, failures, pages, render_tries AS renderTries, render_gains AS renderGains
       FROM hosts WHERE id = ?`,
    ),
    setFailures: db.prepare('UPDATE hosts SET failures = ? WHERE id = ?'),
    countRender: db.prepare(
      'UPDATE hosts SET render_tries = render_tries + 1, render_gains = render_gains + ? WHERE id = ?',
    ),
    countImagePage: db
      .prepare(
        `INSERT INTO sightings (host_id, url, pages) VALUES (?, ?, 1)
         ON CONFLICT DO UPDATE SET pages = pages + 1 RETURNING pages`,
      )
      .pluck(),
    countRead: db.prepare('UPDATE hosts SET read_pages = read_pages + 1 WHERE id = ?'),
    shownOften: db.prepare(
      `SELECT url, max(s.pages >= ? * h.read_pages) AS isRepeated FROM sightings s JOIN hosts h ON h.id = s.host_id
       WHERE s.pages >= ? GROUP BY url ORDER BY url`,
    ),
    addSitemapText: db.prepare(
      'INSERT INTO sitemap_texts (page_url, image_url, text, image_written) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    sitemapTexts: db.prepare(
      'SELECT page_url AS pageUrl, image_url AS imageUrl, text, image_written AS imageWritten FROM sitemap_texts WHERE page_url = ?',
    ),
    origin: db.prepare('SELECT rules, until_ms AS untilMs FROM origins WHERE origin = ?'),
    setOrigin: db.prepare(
      `INSERT INTO origins (origin, rules, until_ms) VALUES (?, ?, ?)
       ON CONFLICT (origin) DO UPDATE SET rules = excluded.rules, until_ms = excluded.until_ms`,
    ),
    queuedHosts: db.prepare('SELECT name FROM hosts WHERE queued > 0 OR put_off > 0').pluck(),
    queued: db
      .prepare(
        `SELECT (SELECT coalesce(sum(queued), 0) FROM hosts WHERE queued > 0)
           + (SELECT coalesce(sum(put_off), 0) FROM hosts WHERE put_off > 0)`,
      )
      .pluck(),
  });
}

/** A statement under a name that declarations can use. */
export interface Statement extends Database.Statement {}

const named = <Name extends string>(all: Record<Name, Statement>): Readonly<Record<Name, Statement>> => all;
