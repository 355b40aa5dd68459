/** The ledger's schema as versioned steps; `PRAGMA user_version` says how many a file has taken. */
import type Database from 'better-sqlite3';
import { UserError } from '../user-error.ts';

/** SQL: by how many versions and settings of `text/clean`, or its absence, this ledger's texts were cleaned. */
const waysOfCleaning = `SELECT count(DISTINCT coalesce((SELECT json_array(value -> 'version', value -> 'settings') FROM json_each(recipes.rules)
  WHERE value ->> 'name' = 'text/clean'), '')) FROM recipes`;

/** Notes when pages were read whose last visit read them: all that is known of what an earlier version of lait wrote. A part of a step. */
export const noteReadings = `UPDATE pages SET read_at_ms = fetched_at_ms
     WHERE read_at_ms IS NULL AND (status = 'fetched' OR reason IN ('gone', 'redirected') OR reason LIKE 'rights-%');`;

/** Append only: a step that has shipped never changes. */
const steps: readonly string[] = [
  `CREATE TABLE pages (
     id INTEGER PRIMARY KEY,
     url TEXT NOT NULL UNIQUE,
     status TEXT NOT NULL,
     reason TEXT,
     title TEXT NOT NULL,
     text TEXT NOT NULL,
     fetched_at_ms INTEGER NOT NULL,
     etag TEXT,
     last_modified TEXT,
     rendered INTEGER NOT NULL,
     license_url TEXT,
     rights TEXT
   ) STRICT;
   CREATE TABLE images (
     id INTEGER PRIMARY KEY,
     url TEXT NOT NULL UNIQUE,
     status TEXT NOT NULL,
     reason TEXT,
     fetched_at_ms INTEGER,
     etag TEXT,
     last_modified TEXT,
     rights TEXT,
     format TEXT,
     width INTEGER,
     height INTEGER,
     frames INTEGER,
     byte_length INTEGER,
     sha256 TEXT,
     phash TEXT,
     segment INTEGER,
     offset INTEGER
   ) STRICT;
   CREATE INDEX images_by_sha256 ON images (sha256) WHERE sha256 IS NOT NULL;
   CREATE TABLE pairs (
     id TEXT NOT NULL UNIQUE,
     image_id INTEGER NOT NULL REFERENCES images (id),
     page_id INTEGER NOT NULL REFERENCES pages (id),
     page_url TEXT NOT NULL,
     text TEXT NOT NULL,
     source TEXT NOT NULL,
     source_rank INTEGER NOT NULL,
     judged_by INTEGER REFERENCES recipes (id),
     dropped_by TEXT,
     drop_reason TEXT
   ) STRICT;
   CREATE INDEX pairs_by_image ON pairs (image_id);
   CREATE TABLE recipes (
     id INTEGER PRIMARY KEY,
     sha256 TEXT NOT NULL UNIQUE,
     rules TEXT NOT NULL,
     judged_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE scores (
     subject TEXT NOT NULL,
     rule TEXT NOT NULL,
     score REAL NOT NULL,
     PRIMARY KEY (subject, rule)
   ) STRICT, WITHOUT ROWID;`,
  // The text as the recipe cleaned it (null: as found), whether a recipe's screening ran to its end, triggers that
  // make a pair unjudged again when what it was judged on has changed: its image's bytes, its page's text, its source; and what corpus rules read.
  `ALTER TABLE pairs ADD COLUMN cleaned_text TEXT;
   ALTER TABLE recipes ADD COLUMN finished INTEGER NOT NULL DEFAULT 1;
   CREATE INDEX pairs_by_page ON pairs (page_id);
   CREATE TRIGGER image_changed AFTER UPDATE OF status, reason, sha256 ON images
     WHEN old.status IS NOT new.status OR old.reason IS NOT new.reason OR old.sha256 IS NOT new.sha256
     BEGIN UPDATE pairs SET judged_by = NULL WHERE image_id = new.id AND judged_by IS NOT NULL; END;
   CREATE TRIGGER page_changed AFTER UPDATE OF text, title ON pages
     WHEN old.text IS NOT new.text OR old.title IS NOT new.title
     BEGIN UPDATE pairs SET judged_by = NULL WHERE page_id = new.id AND judged_by IS NOT NULL; END;
   CREATE TRIGGER pair_changed AFTER UPDATE OF page_id, source_rank ON pairs
     WHEN old.page_id IS NOT new.page_id OR old.source_rank IS NOT new.source_rank
     BEGIN UPDATE pairs SET judged_by = NULL WHERE id = new.id; END;
   CREATE VIEW survivors AS
     SELECT p.rowid AS row, p.id, coalesce(p.cleaned_text, p.text) AS text, p.source, p.source_rank, p.page_url,
       p.image_id, i.url AS image_url, i.sha256, i.phash, i.width, i.height, i.byte_length
     FROM pairs p JOIN images i ON i.id = p.image_id
     WHERE p.judged_by IS NOT NULL AND p.dropped_by IS NULL AND i.sha256 IS NOT NULL;`,
  // What was asked to be removed, so that a later crawl does not bring it back; and the end of the raw store, which is
  // asked for at every start.
  `CREATE TABLE tombstones (
     kind TEXT NOT NULL CHECK (kind IN ('url', 'host', 'sha256')),
     value TEXT NOT NULL,
     note TEXT NOT NULL,
     taken_down_at_ms INTEGER NOT NULL,
     PRIMARY KEY (kind, value)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX images_by_place ON images (segment, offset) WHERE segment IS NOT NULL;`,
  // Which pages give a pair besides its own (origins.ts), and since when none does. Of a page that was read before, it is not
  // known which pairs of other pages it gives as well: `has_origins` is 0 until it has been read once more. Where the bytes of
  // replaced pictures lie, which a takedown must find. A picture that is gone keeps its row; only its reason tells.
  `ALTER TABLE pairs ADD COLUMN gone TEXT;
   ALTER TABLE pairs ADD COLUMN gone_at_ms INTEGER;
   CREATE INDEX pairs_gone ON pairs (gone) WHERE gone IS NOT NULL;
   ALTER TABLE pages ADD COLUMN has_origins INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE other_origins (
     pair_id TEXT NOT NULL,
     page_id INTEGER NOT NULL REFERENCES pages (id),
     source TEXT NOT NULL,
     source_rank INTEGER NOT NULL,
     PRIMARY KEY (pair_id, page_id)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX other_origins_by_page ON other_origins (page_id);
   CREATE TRIGGER pair_removed AFTER DELETE ON pairs
     BEGIN DELETE FROM other_origins WHERE pair_id = old.id; END;
   CREATE TRIGGER pair_gone AFTER UPDATE OF gone ON pairs WHEN old.gone IS NOT new.gone
     BEGIN UPDATE pairs SET judged_by = NULL WHERE id = new.id; END;
   CREATE TABLE replaced_images (
     sha256 TEXT NOT NULL,
     image_id INTEGER NOT NULL REFERENCES images (id),
     segment INTEGER NOT NULL,
     offset INTEGER NOT NULL,
     byte_length INTEGER NOT NULL,
     replaced_at_ms INTEGER,
     PRIMARY KEY (sha256, image_id)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX replaced_by_image ON replaced_images (image_id);
   CREATE INDEX replaced_by_place ON replaced_images (segment, offset);
   CREATE TRIGGER image_replaced AFTER UPDATE OF sha256 ON images
     WHEN old.segment IS NOT NULL AND old.sha256 IS NOT new.sha256
     BEGIN
       INSERT INTO replaced_images (sha256, image_id, segment, offset, byte_length, replaced_at_ms)
         VALUES (old.sha256, old.id, old.segment, old.offset, old.byte_length, new.fetched_at_ms) ON CONFLICT DO NOTHING;
     END;
   DROP TRIGGER image_changed;
   CREATE TRIGGER image_changed AFTER UPDATE OF status, reason, sha256 ON images
     WHEN old.status IS NOT new.status OR old.sha256 IS NOT new.sha256 OR (old.reason IS NOT new.reason
       AND (new.status <> 'success' OR old.reason IS 'gone' OR new.reason IS 'gone'))
     BEGIN UPDATE pairs SET judged_by = NULL WHERE image_id = new.id AND judged_by IS NOT NULL; END;
   DROP VIEW survivors;
   CREATE VIEW survivors AS
     SELECT p.rowid AS row, p.id, coalesce(p.cleaned_text, p.text) AS text, p.source, p.source_rank, p.page_url,
       p.image_id, i.url AS image_url, i.sha256, i.phash, i.width, i.height, i.byte_length,
       coalesce(p.gone, iif(i.reason = 'gone', 'image-gone', NULL)) AS gone
     FROM pairs p JOIN images i ON i.id = p.image_id
     WHERE p.judged_by IS NOT NULL AND p.dropped_by IS NULL AND i.sha256 IS NOT NULL;`,
  // Whether a file is cut or has a wrong checksum and is shown by browsers all the same.
  `ALTER TABLE images ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;`,
  // Where kept pages lie (page-store.ts). A place whose page was taken down has none, and still marks the end of the store.
  `CREATE TABLE kept_pages (
     page_id INTEGER REFERENCES pages (id),
     segment INTEGER NOT NULL,
     offset INTEGER NOT NULL,
     byte_length INTEGER NOT NULL,
     PRIMARY KEY (segment, offset)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX kept_pages_by_page ON kept_pages (page_id, segment, offset);`,
  // Where exports went and which pair is in which of their shards (exports.ts). The folder's own tables are the truth, and what
  // is here is read from them: `table_sha256` is of the table that was read. A pair whose image failed has no key.
  `CREATE TABLE exports (
     id INTEGER PRIMARY KEY,
     folder TEXT NOT NULL UNIQUE,
     version INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     configuration TEXT NOT NULL,
     exported_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE exported_shards (
     id INTEGER PRIMARY KEY,
     export_id INTEGER NOT NULL REFERENCES exports (id),
     shard TEXT NOT NULL,
     table_sha256 TEXT NOT NULL,
     UNIQUE (export_id, shard)
   ) STRICT;
   CREATE TABLE exported_pairs (
     export_id INTEGER NOT NULL REFERENCES exports (id),
     pair_id TEXT NOT NULL,
     shard_id INTEGER NOT NULL REFERENCES exported_shards (id),
     key TEXT,
     content TEXT,
     PRIMARY KEY (export_id, pair_id, shard_id)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX exported_pairs_by_shard ON exported_pairs (shard_id, pair_id);`,
  // What tells a corpus from others, and how many batches of crawls were committed: by it the frontier knows its ledger.
  `CREATE TABLE corpus (id TEXT NOT NULL, commits INTEGER NOT NULL) STRICT;
   INSERT INTO corpus (id, commits) VALUES (lower(hex(randomblob(16))), 0);`,
  // What a list of URLs says of a pair beside URL and caption (list-columns.ts): a JSON object by column.
  `CREATE TABLE list_columns (
     pair_id TEXT PRIMARY KEY,
     columns TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TRIGGER pair_with_columns_removed AFTER DELETE ON pairs
     BEGIN DELETE FROM list_columns WHERE pair_id = old.id; END;`,
  // A tombstone has a cause where it followed from another one (tombstones.ts); of older ones that is not known.
  `ALTER TABLE tombstones RENAME TO old_tombstones;
   CREATE TABLE tombstones (
     kind TEXT NOT NULL CHECK (kind IN ('url', 'host', 'sha256', 'md5', 'phash')),
     value TEXT NOT NULL,
     cause TEXT NOT NULL,
     note TEXT NOT NULL,
     taken_down_at_ms INTEGER NOT NULL,
     PRIMARY KEY (kind, value, cause)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO tombstones SELECT kind, value, iif(note = 'bytes of what was taken down', 'unknown', ''), note, taken_down_at_ms
     FROM old_tombstones;
   DROP TABLE old_tombstones;
   CREATE INDEX tombstones_by_cause ON tombstones (cause);`,
  // What an export tells of a pair: its language (ISO 639-1) with the detector's score of it, the image's address as its page wrote
  // it where that is not the key, the key of a row without an image, and the preset that a recipe was made from.
  `ALTER TABLE pairs ADD COLUMN language TEXT;
   ALTER TABLE pairs ADD COLUMN language_score REAL;
   ALTER TABLE images ADD COLUMN written_url TEXT;
   ALTER TABLE exported_pairs ADD COLUMN failed_key TEXT;
   ALTER TABLE recipes ADD COLUMN preset TEXT;`,
  // How the smaller JPEG was made that is stored in place of an image (`Resized` in records.ts), as JSON; NULL for original bytes.
  `ALTER TABLE images ADD COLUMN resized TEXT;
   ALTER TABLE replaced_images ADD COLUMN resized TEXT;
   DROP TRIGGER image_replaced;
   CREATE TRIGGER image_replaced AFTER UPDATE OF sha256 ON images
     WHEN old.segment IS NOT NULL AND old.sha256 IS NOT new.sha256
     BEGIN
       INSERT INTO replaced_images (sha256, image_id, segment, offset, byte_length, replaced_at_ms, resized)
         VALUES (old.sha256, old.id, old.segment, old.offset, old.byte_length, new.fetched_at_ms, old.resized)
         ON CONFLICT DO NOTHING;
     END;`,
  // Where reports went (reports.ts).
  `CREATE TABLE reports (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;`,
  // What a picture is on a page that shows it (places.ts): class, score, and a JSON object of features with value and part. Of pages that
  // were read before, and of lists and imports, it is not known.
  `CREATE TABLE places (
     image_id INTEGER NOT NULL REFERENCES images (id),
     page_id INTEGER NOT NULL REFERENCES pages (id),
     class TEXT NOT NULL,
     score REAL NOT NULL,
     features TEXT NOT NULL,
     PRIMARY KEY (image_id, page_id)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX places_by_page ON places (page_id);`,
  // What was brought in of a crawl by many machines (collected.ts).
  `CREATE TABLE collected (
     store TEXT NOT NULL,
     worker TEXT NOT NULL,
     batch INTEGER NOT NULL,
     PRIMARY KEY (store, worker)
   ) STRICT, WITHOUT ROWID;`,
  // What people say of pairs (labels.ts), each of the picture that they saw.
  `CREATE TABLE labels (
     pair_id TEXT PRIMARY KEY,
     sha256 TEXT NOT NULL,
     label TEXT NOT NULL,
     labelled_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX labels_by_time ON labels (labelled_at_ms);
   CREATE TRIGGER labelled_pair_removed AFTER DELETE ON pairs
     BEGIN DELETE FROM labels WHERE pair_id = old.id; END;`,
  // Where workers of a shared crawl have put pictures into S3 (work-pictures.ts), and whether they are to be erased there; of what was
  // collected before it is not known.
  `CREATE TABLE work_pictures (
     sha256 TEXT NOT NULL,
     part TEXT NOT NULL,
     segment INTEGER NOT NULL,
     offset INTEGER NOT NULL,
     byte_length INTEGER NOT NULL,
     refused INTEGER NOT NULL,
     PRIMARY KEY (sha256, part, segment, offset)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX work_pictures_refused ON work_pictures (refused) WHERE refused = 1;`,
  // `place` is `work` of what `blobs` was; '' where that is not known.
  `ALTER TABLE work_pictures RENAME TO old_work_pictures;
   DROP INDEX work_pictures_refused;
   CREATE TABLE work_pictures (
     sha256 TEXT NOT NULL,
     place TEXT NOT NULL,
     part TEXT NOT NULL,
     segment INTEGER NOT NULL,
     offset INTEGER NOT NULL,
     byte_length INTEGER NOT NULL,
     refused INTEGER NOT NULL,
     PRIMARY KEY (sha256, place, part, segment, offset)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO work_pictures SELECT sha256, '', part, segment, offset, byte_length, refused FROM old_work_pictures;
   DROP TABLE old_work_pictures;
   CREATE INDEX work_pictures_refused ON work_pictures (refused) WHERE refused = 1;`,
  // Scores of a pair are of the picture and the cleaned text that its rows have now. Of pairs whose picture was replaced, and of all once
  // texts were cleaned in several ways, that is not known: they are scored anew.
  `UPDATE pairs SET judged_by = NULL WHERE EXISTS (SELECT 1 FROM scores WHERE subject = id AND rule LIKE 'match/%')
     AND (image_id IN (SELECT image_id FROM replaced_images) OR (${waysOfCleaning}) > 1);
   DELETE FROM scores WHERE rule LIKE 'match/%'
     AND (subject IN (SELECT id FROM pairs WHERE image_id IN (SELECT image_id FROM replaced_images)) OR (${waysOfCleaning}) > 1);
   CREATE TRIGGER picture_to_score AFTER UPDATE OF sha256 ON images WHEN old.sha256 IS NOT NULL AND old.sha256 IS NOT new.sha256
     BEGIN DELETE FROM scores WHERE subject IN (SELECT id FROM pairs WHERE image_id = new.id); END;
   CREATE TRIGGER text_to_score AFTER UPDATE OF cleaned_text ON pairs WHEN old.cleaned_text IS NOT new.cleaned_text
     BEGIN DELETE FROM scores WHERE subject = new.id; END;`,
  // When something last said for certain what stands at a page (ledger.ts); NULL where that is not known.
  `ALTER TABLE pages ADD COLUMN read_at_ms INTEGER;
   ${noteReadings}`,
];

/** The version that this lait writes. */
export const newestVersion: number = steps.length;

/** Brings a ledger to `target`, in one transaction; a file of a newer version than ours is refused. */
export function migrate(db: Database.Database, path: string, target = newestVersion): void {
  const versionNow = (): number => db.pragma('user_version', { simple: true }) as number;
  const version = versionNow();
  if (version > newestVersion) {
    throw new UserError(
      `Expected ledger version ${newestVersion} or older for ${path} but received ${version}; update lait or use another corpus.`,
    );
  }
  if (version >= target) return;
  db.transaction(() => {
    // Another process may have brought it here meanwhile.
    const from = versionNow();
    if (from >= target) return;
    for (const step of steps.slice(from, target)) db.exec(step);
    db.pragma(`user_version = ${target}`);
  }).immediate();
}
