import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { migrate, newestVersion } from '../../../dataset/ledger/migrations.ts';
import { keptSamples } from '../../../dataset/ledger/survivors.ts';
import { UserError } from '../../../dataset/user-error.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-migrations-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A ledger as a lait of that version left it: a page, an image, two judged pairs, a recipe and a score. */
function old(version: number, change = ''): string {
  const corpus = mkdtempSync(join(root, `version-${version}-`));
  const db = new Database(join(corpus, 'ledger.db'));
  migrate(db, corpus, version);
  const sha256 = 'a'.repeat(64);
  db.exec(
    `INSERT INTO pages (id, url, status, title, text, fetched_at_ms, rendered, license_url, rights)
       VALUES (1, 'https://a.example/', 'fetched', 'A page', 'Its text', 5, 0, 'https://licence.example/', '{"robots.txt":"allowed"}');
     INSERT INTO images (id, url, status, fetched_at_ms, etag, format, width, height, frames, byte_length, sha256, phash, segment, offset)
       VALUES (1, 'https://a.example/1.jpg', 'success', 6, '"e"', 'jpg', 400, 300, 1, 9000, '${sha256}', '${'0'.repeat(16)}', 0, 512);
     INSERT INTO recipes (id, sha256, rules, judged_at_ms) VALUES (1, 'r', '[{"name":"text/length","stage":"text","settings":{}}]', 7);
     INSERT INTO pairs (id, image_id, page_id, page_url, text, source, source_rank, judged_by, dropped_by, drop_reason)
       VALUES ('${'1'.repeat(32)}', 1, 1, 'https://a.example/', 'A red boat', 'alt', 1, 1, NULL, NULL),
              ('${'2'.repeat(32)}', 1, 1, 'https://a.example/', 'boat', 'title', 6, 1, 'text/length', 'too-short');
     INSERT INTO scores (subject, rule, score) VALUES ('${sha256}', 'image/blur', 80.5);
     ${change}`,
  );
  db.close();
  return corpus;
}

describe('migrations: a ledger of an earlier version opens with everything in it', () => {
  for (let version = 1; version <= newestVersion; version++) {
    test(`version ${version}`, () => {
      const corpus = old(version);
      for (let time = 0; time < 2; time++) {
        const ledger = Ledger.open(corpus);
        assert.equal(ledger.db.pragma('user_version', { simple: true }), newestVersion);
        const [kept, ...others] = [...keptSamples(ledger)];
        assert.deepEqual(others, []);
        assert.deepEqual(
          [kept!.text, kept!.pageTitle, kept!.licenseUrl, kept!.width, kept!.offset, kept!.scores],
          ['A red boat', 'A page', 'https://licence.example/', 400, 512, { 'image/blur': 80.5 }],
        );
        assert.deepEqual(
          ledger.db.prepare('SELECT dropped_by, drop_reason, cleaned_text FROM pairs WHERE text = ?').get('boat'),
          { dropped_by: 'text/length', drop_reason: 'too-short', cleaned_text: null },
        );
        assert.deepEqual(ledger.db.prepare('SELECT etag FROM images').pluck().get(), '"e"');
        assert.equal(ledger.isTakenDown({ url: 'https://a.example/1.jpg' }), false);
        ledger.close();
      }
    });
  }
});

test('scores of pairs that may be of another picture or text are taken back, with the verdicts that rest on them', () => {
  const [a, b] = ['1', '2'].map((digit) => digit.repeat(32));
  const scoresAfter = (version: number, change: string): unknown[] => {
    const corpus = old(version, change);
    const ledger = Ledger.open(corpus);
    try {
      return ledger.db
        .prepare(`SELECT id, judged_by, score FROM pairs LEFT JOIN scores ON subject = id ORDER BY id`)
        .raw()
        .all();
    } finally {
      ledger.close();
    }
  };
  const scored = `UPDATE pairs SET dropped_by = NULL; INSERT INTO scores VALUES ('${a}', 'match/relevance@m', 0.5);`;
  const clean = (id: number, crop: boolean) =>
    `INSERT INTO recipes (id, sha256, rules, judged_at_ms)
       VALUES (${id}, 'r${id}', '[{"name":"text/clean","version":4,"settings":{"crop":${crop}}},{"name":"text/length","settings":{"id":${id}}}]', 7) ON CONFLICT (id) DO UPDATE SET rules = excluded.rules;`;
  const same = `${scored} ${clean(1, true)} ${clean(2, true)}`;
  const last = 18;
  assert.deepEqual(scoresAfter(last, same), [[a, 1, 0.5], [b, 1, null]]); // biome-ignore format: one line
  assert.deepEqual(scoresAfter(last, `${same} ${clean(3, false)}`), [[a, null, null], [b, 1, null]]); // biome-ignore format: one line
  assert.deepEqual(
    scoresAfter(
      last,
      `${same} INSERT INTO replaced_images (sha256, image_id, segment, offset, byte_length) VALUES ('x', 1, 0, 0, 1);`,
    ),
    [
      [a, null, null],
      [b, 1, null],
    ],
  );
});

test('a ledger of a newer version is refused, with what to do, and is left as it is', () => {
  const corpus = join(root, 'newer');
  mkdirSync(corpus);
  const path = join(corpus, 'ledger.db');
  const db = new Database(path);
  db.pragma(`user_version = ${newestVersion + 1}`);
  db.close();
  assert.throws(
    () => Ledger.open(corpus),
    new UserError(
      `Expected ledger version ${newestVersion} or older for ${path} but received ${newestVersion + 1}; update lait or use another corpus.`,
    ),
  );
  const after = new Database(path);
  assert.equal(after.pragma('user_version', { simple: true }), newestVersion + 1);
  assert.deepEqual(after.prepare('SELECT name FROM sqlite_master').all(), []);
  after.close();
});
