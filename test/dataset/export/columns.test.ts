/** Columns under the field's names: what was measured and found is a number or a text of its own, in every shard alike. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { allColumns } from '../../../dataset/export/column-meanings.ts';
import { exportShards } from '../../../dataset/export/export.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { currentRecipe, type RuleRecord, recipeId } from '../../../dataset/ledger/recipes.ts';
import { readParquet, tableColumns } from '../../../dataset/shards/parquet.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { smallId, smallUrl, writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-columns-'));
after(() => rmSync(root, { recursive: true, force: true }));

const rule = (name: string, model: string): RuleRecord => ({ name, stage: 'image', settings: { model } });

/** Names the models of a recipe that is judged last, as if its rules had scored. */
function withModels(corpusDir: string, models: readonly RuleRecord[], fill: (ledger: Ledger) => void): void {
  const ledger = Ledger.open(corpusDir);
  const id = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: { models: models.length } }, ...models]);
  ledger.db.prepare('UPDATE pairs SET judged_by = ?').run(id);
  assert.equal(currentRecipe(ledger)!.id, id);
  fill(ledger);
  ledger.close();
}

const score = (ledger: Ledger, subject: string, name: string, value: number) =>
  ledger.db.prepare('INSERT OR REPLACE INTO scores (subject, rule, score) VALUES (?, ?, ?)').run(subject, name, value);

/** Two models of relevance, the second one in use, and an unsafe score of the picture; image 0 was asked for under another address. */
async function scoredCorpus(name: string): Promise<string> {
  const corpusDir = join(root, name);
  await writeSmallCorpus(corpusDir, { images: 6, failed: 3 });
  withModels(corpusDir, [rule('match/relevance', 'old one')], () => {});
  withModels(corpusDir, [rule('match/relevance', 'new'), rule('image/unsafe', 'nsfw')], (ledger) => {
    for (let i = 0; i < 6; i += 1) {
      score(ledger, smallId(i), 'match/relevance@old one', i / 100);
      score(ledger, smallId(i), 'match/relevance@new', i / 10);
      const sha256 = ledger.db.prepare('SELECT sha256 FROM images WHERE url = ?').pluck().get(smallUrl(i)) as string;
      if (i > 0) score(ledger, sha256, 'image/unsafe@nsfw', 0.25);
    }
    ledger.db.exec(`UPDATE pairs SET language = 'en', language_score = 0.75;
      UPDATE images SET rights = '{"x-robots-tag":"all"}' WHERE url = '${smallUrl(1)}'`);
    const write = ledger.db.prepare('UPDATE images SET written_url = ? WHERE url = ?');
    write.run(`${smallUrl(0)}?utm_source=page`, smallUrl(0));
  });
  return corpusDir;
}

const options = { validationFraction: 0.4, samplesPerShard: 2 } as const;

for (const format of ['webdataset', 'parquet', 'jsonl'] as const) {
  test(`${format}: language, scores and rights are columns, typed, and the same in every shard`, async () => {
    const corpusDir = await scoredCorpus(`corpus-${format}`);
    const outDir = join(root, format);
    await exportShards({ ...options, corpusDir, outDir, format });
    const tables = ['train', 'validation'].flatMap((split) =>
      readdirSync(join(outDir, split))
        .filter((name) => name.endsWith('.parquet'))
        .map((name) => join(outDir, split, name)),
    );
    assert.ok(tables.length > 2);
    const [first, ...others] = await Promise.all(tables.map((path) => tableColumns(path)));
    for (const other of others) assert.deepEqual(other, first);
    assert.deepEqual(
      Object.entries(first!).filter(([name]) => /LANGUAGE|language|sim|unsafe|rel|rights|scores|text_any/.test(name)),
      [
        ['LANGUAGE', 'STRING'],
        ['language_score', 'DOUBLE'],
        ['match_relevance_old_one', 'DOUBLE'],
        ['punsafe', 'DOUBLE'],
        ['similarity', 'DOUBLE'],
        ['text_any', 'DOUBLE'],
        ['image_rights_x_robots_tag', 'STRING'],
        ['rights_robots_txt', 'STRING'],
      ],
    );
    const rows = (await Promise.all(tables.map((path) => readParquet(path)))).flat();
    const of = (i: number) => rows.find(({ uid }) => uid === smallId(i))!;
    const shown = ({ LANGUAGE, language_score, similarity, match_relevance_old_one, punsafe }: (typeof rows)[0]) => [
      LANGUAGE,
      language_score,
      similarity,
      match_relevance_old_one,
      punsafe,
    ];
    assert.deepEqual(shown(of(0)), ['en', 0.75, 0, 0, null]);
    assert.deepEqual(shown(of(3)), ['en', 0.75, 0.3, 0.03, 0.25]);
    assert.deepEqual([of(1).image_rights_x_robots_tag, of(2).image_rights_x_robots_tag], ['all', '']);
    assert.deepEqual([of(0).url, of(0).download_url], [smallUrl(0), `${smallUrl(0)}?utm_source=page`]);
    assert.equal(of(1).download_url, smallUrl(1));
    if (format === 'parquet') return;
    assert.deepEqual(shown(of(6)), ['en', 0.75, null, null, null]);
    // Keys are of one row each, failed ones and both splits included, and samples have the shorter ones.
    assert.equal(new Set(rows.map(({ key }) => key)).size, 9);
    for (const { key, status } of rows) {
      assert.match(key as string, status === 'success' ? /^(validation-)?0000\d\d$/ : /^(validation-)?0000\d1\d$/);
    }
  });
}

test('the JSON of a sample has numbers and texts, and no JSON in its JSON but the tags of EXIF', async () => {
  for await (const { fields } of readShards({ paths: [join(root, 'webdataset/train')] })) {
    const { exif, ...row } = JSON.parse(fields.json!.toString());
    for (const value of Object.values(row)) assert.doesNotMatch(String(value), /^[[{]/);
    assert.equal(typeof row.similarity, 'number');
    assert.equal(row.rights_robots_txt, 'allowed');
    assert.equal('scores' in row || 'rights' in row, false);
  }
});

test('what a corpus has not, its tables have not', async () => {
  const corpusDir = join(root, 'plain');
  await writeSmallCorpus(corpusDir, { images: 2 });
  await exportShards({ ...options, corpusDir });
  const shard = readdirSync(join(corpusDir, 'shards/train')).find((name) => name.endsWith('.parquet'))!;
  const columns = Object.keys(await tableColumns(join(corpusDir, 'shards/train', shard)));
  assert.deepEqual(columns.slice(-3), ['damaged', 'text_any', 'rights_robots_txt']);
  assert.equal(columns.includes('LANGUAGE'), false);
});

test('an export that grows keeps its columns and names those that came later; damage is mended with all keys', async () => {
  const corpusDir = await scoredCorpus('grown');
  const outDir = join(corpusDir, 'shards');
  await exportShards({ ...options, corpusDir });
  await writeSmallCorpus(corpusDir, { images: 2, failed: 1, first: 50 });
  withModels(corpusDir, [rule('image/aesthetic', 'predictor')], (ledger) => {
    score(ledger, smallId(50), 'image/aesthetic@predictor', 5.5);
    score(ledger, smallId(50), 'match/relevance@new', 0.5);
  });
  const grown = await exportShards({ ...options, corpusDir });
  assert.deepEqual(grown.columnsLeftOut, ['aesthetic']);
  const tables = readdirSync(outDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.parquet'))
    .sort();
  const columns = await Promise.all(tables.map((path) => tableColumns(join(outDir, path))));
  for (const one of columns) assert.deepEqual(one, columns[0]);
  const rows = (await Promise.all(tables.map((path) => readParquet(join(outDir, path))))).flat();
  assert.equal(rows.find(({ uid }) => uid === smallId(50))!.similarity, 0.5);
  assert.equal(new Set(rows.map(({ key }) => key)).size, rows.length);
  const whole = tables.map((path) => readFileSync(join(outDir, path)));
  for (const path of tables) truncateSync(join(outDir, path), 50);
  const { faults } = await verify({ shardsDir: outDir, corpusDir, repair: true });
  assert.deepEqual(
    faults.map(({ path, repaired }) => [path, repaired]),
    tables.map((path) => [path, true]),
  );
  for (const [at, path] of tables.entries()) assert.deepEqual(readFileSync(join(outDir, path)), whole[at], path);
});

test('the card tells of every column of its tables and of no other, and the docs of all', async () => {
  const outDir = join(root, 'webdataset');
  const shard = readdirSync(join(outDir, 'train')).find((name) => name.endsWith('.parquet'))!;
  const columns = Object.keys(await tableColumns(join(outDir, 'train', shard)));
  const readme = readFileSync(join(outDir, 'README.md'), 'utf8');
  const table = readme.slice(readme.indexOf('## Columns'), readme.indexOf('## Limits'));
  assert.deepEqual(
    [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name),
    columns,
  );
  const docs = readFileSync(new URL('../../../docs/columns.md', import.meta.url), 'utf8');
  assert.deepEqual(
    Object.keys(allColumns).filter((name) => !docs.includes(`\`${name}\``)),
    [],
  );
});
