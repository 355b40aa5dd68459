/** `lait verify` of exports that lie elsewhere, and commands that come upon a version which was not taken over. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { repairFrontier } from '../../crawler/frontier/repair.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { readManifest } from '../../dataset/shards/manifest.ts';
import { writeSmallCorpus } from '../dataset/small-corpus.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'lait-verify-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const lait = (...args: string[]): Promise<{ code: number; said: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'cli/lait.mjs'), ...args], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, said: stdout + stderr }),
    );
  });

before(async () => {
  const corpus = join(folder, 'birds');
  await writeSmallCorpus(corpus, { images: 30 });
  const ledger = Ledger.open(corpus);
  repairFrontier(corpus, ledger, { repair: true, lost: [] });
  ledger.close();
  for (const out of [[], ['--out', 'away']]) {
    const { code, said } = await lait('export', '--corpus', 'birds', '--samples-per-shard', '10', ...out);
    assert.equal(code, 0, said);
  }
});

test('an export that lies elsewhere is verified by its folder, with its corpus or without', async () => {
  for (const corpus of ['birds', 'nowhere']) {
    const { code, said } = await lait('verify', '--corpus', corpus, '--out', 'away');
    assert.equal(code, 0, said);
    assert.match(said, /^version 1, SHA-256 [0-9a-f]{16}: \d+ files, .*: all as the manifest says$/m);
  }
  assert.equal(existsSync(join(folder, 'nowhere')), false);
  const own = await lait('verify', '--corpus', 'birds');
  assert.equal(own.code, 0, own.said);
  assert.match(own.said, /^not checked: .*\/away, `lait verify --out` does that$/m);
});

test('a corpus without an export is checked as far as it goes', async () => {
  await writeSmallCorpus(join(folder, 'unfinished'), { images: 1 });
  const ledger = Ledger.open(join(folder, 'unfinished'));
  repairFrontier(join(folder, 'unfinished'), ledger, { repair: true, lost: [] });
  ledger.close();
  const { code, said } = await lait('verify', '--corpus', 'unfinished');
  assert.equal(code, 0, said);
  assert.equal(said, 'ledger.db, frontier.db and raw images are whole\nno export in unfinished/shards yet\n');
});

test('a damaged one is told by its files, and repaired from the corpus alone', async () => {
  const damaged = join(folder, 'damaged');
  cpSync(join(folder, 'away'), damaged, { recursive: true });
  const tar = join(damaged, 'train/00000.tar');
  const bytes = readFileSync(tar);
  bytes[700] = bytes[700]! ^ 1;
  writeFileSync(tar, bytes);
  rmSync(join(damaged, 'train/00001.parquet'));
  writeFileSync(join(damaged, 'train/line\nbreak\u001b[31m'), '');
  const told = await lait('verify', '--corpus', 'birds', '--out', 'damaged');
  assert.equal(told.code, 2, told.said);
  for (const line of ['train/00000.tar: changed', 'train/00001.parquet: missing']) assert.ok(told.said.includes(line));
  assert.ok(told.said.includes('train/line\\nbreak\\u001b[31m: unknown-file\n'), told.said);
  assert.match(told.said, /: 3 faults$/m);
  // The corpus' own export is whole.
  assert.equal((await lait('verify', '--corpus', 'birds')).code, 0);
  const without = await lait('verify', '--corpus', 'nowhere', '--out', 'damaged', '--repair');
  assert.equal(without.code, 2, without.said);
  assert.match(without.said, /^lait: Expected a crawled corpus at nowhere\/ledger\.db but there is none/m);
  rmSync(join(damaged, 'train/line\nbreak\u001b[31m'));
  const repaired = await lait('verify', '--corpus', 'birds', '--out', 'damaged', '--repair');
  assert.equal(repaired.code, 0, repaired.said);
  assert.match(repaired.said, /^train\/00000\.tar: changed, repaired$/m);
  assert.equal((await lait('verify', '--out', 'damaged')).code, 0);
});

test('a corpus that has lost its ledger is told as such, though its export is whole', async () => {
  cpSync(join(folder, 'birds'), join(folder, 'lost'), { recursive: true });
  for (const ending of ['', '-wal', '-shm']) rmSync(join(folder, `lost/ledger.db${ending}`), { force: true });
  const told = await lait('verify', '--corpus', 'lost');
  assert.equal(told.code, 2, told.said);
  assert.match(told.said, /^ledger\.db: missing, frontier\.db, raw are there; put it back from a copy$/m);
  assert.match(told.said, /: all as the manifest says$/m);
  const repaired = await lait('verify', '--corpus', 'lost', '--repair');
  assert.equal(repaired.code, 2, repaired.said);
  assert.match(repaired.said, /^lait: Expected ledger\.db in corpus lost beside frontier\.db, raw but there is none/m);
});

test('a manifest that names files outside of its folder, or is none, is refused in one line', async () => {
  const foreign = join(folder, 'foreign');
  mkdirSync(foreign);
  const sha256 = '0'.repeat(64);
  const digest = { bytes: 1, sha256 };
  for (const manifest of [
    { files: { '../../../dev/zero': digest }, configuration: {}, samples: {} },
    { files: { '/dev/zero': digest }, configuration: {}, samples: {} },
    { files: { 'train/00000.tar': null }, configuration: {}, samples: {} },
    { files: null },
    [],
    null,
  ]) {
    writeFileSync(join(foreign, 'manifest.json'), JSON.stringify(manifest));
    const { code, said } = await lait('verify', '--out', 'foreign');
    assert.equal(code, 2, said);
    assert.match(said, /^lait: Expected a manifest that can be read for foreign\/manifest\.json but received .*\n$/);
  }
});

test('regions and training come upon a version that was whole and not taken over: they take it over first', async () => {
  const corpus = join(folder, 'half');
  await writeSmallCorpus(corpus, { images: 30 });
  const exported = () => lait('export', '--corpus', 'half', '--samples-per-shard', '10');
  assert.equal((await exported()).code, 0);
  const shards = join(corpus, 'shards');
  const { samples } = readManifest(shards);
  /** As a kill before the first rename leaves it. */
  const takeBack = () => {
    const now = join(folder, 'now');
    rmSync(now, { recursive: true, force: true });
    renameSync(shards, now);
    mkdirSync(shards);
    renameSync(now, join(shards, '.next'));
    writeFileSync(join(shards, '.next/commit.json'), '{"removed":[]}\n');
  };
  for (const command of [
    ['regions', '--detector', 'patches'],
    ['pretrain', '--detector', 'patches', '--preset', 'mini', '--from', 'scratch', '--dry-run'],
  ]) {
    takeBack();
    // A flag of another section is set in the configuration.
    writeFileSync(join(corpus, 'lait.yaml'), 'regions:\n  detector: patches\n');
    const words =
      command[0] === 'pretrain' ? command.filter((word) => !['--detector', 'patches'].includes(word)) : command;
    const { code, said } = await lait(...words, '--corpus', 'half');
    assert.equal(code, 0, said);
    assert.deepEqual([existsSync(join(shards, '.next')), readManifest(shards).samples], [false, samples]);
  }
});
