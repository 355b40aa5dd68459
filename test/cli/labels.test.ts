/** What people said of pairs: exported as JSON lines, told as precision, and learned from. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { headOf } from '../../dataset/export/own-files.ts';
import { takedown } from '../../dataset/export/takedown.ts';
import { drawSample } from '../../dataset/ledger/label-sample.ts';
import { setLabel } from '../../dataset/ledger/labels.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { readSafetensors } from '../../model/formats/safetensors.ts';
import { isRelevanceModel } from '../../model/scorers/train-relevance.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { idOf, text, url, writeLookedAt } from './view/looked-at.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-labels-'));
const corpus = join(folder, 'birds');

const lait = async (...args: readonly string[]): Promise<{ code: number; said: string; told: string }> => {
  const { code, stdout, stderr } = await ranInProcess(args);
  return { code, said: stderr, told: stdout };
};

describe('lait labels', () => {
  const home = process.cwd();
  before(() => {
    process.chdir(folder);
    return writeLookedAt(corpus, { count: 30 });
  });
  after(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });

  it('says so where there are none', async () => {
    const none = `lait: Expected labels of pairs for birds but received none; make some in \`lait view --edit\`.\n`;
    for (const args of [
      ['labels', 'export', '--corpus', 'birds'],
      ['labels', 'precision', '--corpus', 'birds'],
      ['train-relevance', '--labels', 'birds'],
    ]) {
      const { code, said } = await lait(...args);
      assert.deepEqual([code, said.endsWith(none)], [2, true], `${args.join(' ')}: ${said}`);
    }
    assert.ok(!existsSync(join(corpus, 'labels.jsonl')));
    const { code, said } = await lait('train-relevance');
    assert.deepEqual(
      [code, said],
      [2, 'lait: Expected --shards, --labels or both but received neither; name what to learn from.\n'],
    );
  });

  it('gives each label with its pair, its verdict and its weight', async () => {
    const ledger = Ledger.open(corpus);
    const sample = drawSample(ledger, { seed: 7, each: 4 });
    const size = sample.find(({ verdict }) => verdict === 'kept')!.size;
    for (const { verdict, ids } of sample) {
      for (const [at, id] of ids.entries()) {
        setLabel(ledger, id, verdict === 'kept' ? (at === 0 ? 'unsafe' : 'fits') : 'does-not-fit', 1_000);
      }
    }
    ledger.close();
    const { code, told } = await lait('labels', 'export', '--corpus', 'birds', '--seed', '7', '--each', '4');
    const lines = readFileSync(join(corpus, 'labels.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([code, told], [0, `Wrote ${lines.length} labels to birds/labels.jsonl\n`]);
    assert.equal(
      lines.length,
      sample.reduce((sum, { ids }) => sum + ids.length, 0),
    );
    assert.deepEqual(lines.map(({ uid }) => uid).sort(), sample.flatMap(({ ids }) => ids).sort());
    const kept = lines.filter(({ stratum }) => stratum === 'kept');
    assert.deepEqual(new Set(kept.map(({ weight }) => weight)), new Set([size / 4]));
    const line = lines.find(({ dropped_by }) => dropped_by === 'image/dominant');
    const at = Array.from({ length: 30 }, (_, number) => number).find((number) => line.url === url(number))!;
    assert.deepEqual(
      { ...line, uid: '', text: '', text_source: '', sha256: '', labelled_at: '', weight: 0 },
      {
        ...{ uid: '', label: 'does-not-fit', url: url(at), page_url: `http://birds.example:8080/page-${at % 2}.html` },
        ...{ text: '', text_source: '', language: line.language, sha256: '', verdict: 'dropped' },
        ...{ dropped_by: 'image/dominant', reason: line.reason, labelled_at: '', seed: 7, stratum: 'image/dominant' },
        weight: 0,
      },
    );
    assert.ok(line.text.startsWith(text(at)) && /^1970-01-01T00:00:01\.\d\d\dZ$/.test(line.labelled_at));
    const precision = JSON.parse(
      (await lait('labels', 'precision', '--corpus', 'birds', '--seed', '7', '--each', '4', '--json')).told,
    );
    assert.equal(precision.ofKept.share, 0.75);
    assert.deepEqual(
      new Set(precision.rules.map(({ ofDropped }: { ofDropped: { share: number } }) => ofDropped.share)),
      new Set([1]),
    );
    const table = (await lait('labels', 'precision', '--corpus', 'birds', '--seed', '7', '--each', '4')).told;
    assert.match(table, /^kept +\d+ +4 +[\d.]+ +3 +75 % \(30 to 95\)$/m);
  });

  it('teaches a relevance model what fits, and tries it on what does not', async () => {
    const ledger = Ledger.open(corpus);
    ledger.db.exec('DELETE FROM labels');
    for (let at = 0; at < 28; at++) setLabel(ledger, idOf(at), at < 24 ? 'fits' : 'does-not-fit');
    ledger.close();
    const learn = ['train-relevance', '--labels', 'birds', '--out', 'birds.safetensors', '--json'];
    const { code, said, told } = await lait(...learn);
    assert.equal(code, 0, said);
    assert.ok(isRelevanceModel(headOf(join(folder, 'birds.safetensors'))), 'the next one may replace it');
    const result = JSON.parse(told);
    assert.deepEqual([result.images, result.texts, result.wrong.pairs], [24, 24, 4]);
    assert.ok(result.wrong.belowHalf <= 4);
    assert.ok(readSafetensors(join(folder, 'birds.safetensors')).tensors.has('map'));
    // It judges the corpus that it was made from.
    writeFileSync(join(corpus, 'lait.yaml'), 'filter:\n  minBytes: 0\n');
    const judged = await lait('filter', '--corpus', 'birds', '--relevance', 'birds.safetensors', '--json');
    assert.equal(judged.code, 0, judged.said);
    const after = Ledger.openReadOnly(corpus);
    const scored = after.db
      .prepare(`SELECT count(*) FROM scores WHERE rule LIKE 'match/relevance@linear-%'`)
      .pluck()
      .get();
    after.close();
    assert.ok(Number(scored) > 0);
  });

  it('goes wherever it was written to when a picture of it is taken down', async () => {
    const files = ['labels.jsonl', '../elsewhere.jsonl', '../led-to.jsonl'].map((name) => join(corpus, name));
    writeFileSync(files[2]!, '');
    symlinkSync(files[2]!, join(folder, 'link.jsonl'));
    for (const out of [[], ['--out', 'elsewhere.jsonl'], ['--out', 'link.jsonl']]) {
      assert.equal((await lait('labels', 'export', '--corpus', 'birds', ...out)).code, 0);
    }
    assert.ok(readFileSync(files[1]!, 'utf8').includes(url(2)));
    const { deleted, unreached, left } = await takedown({ corpusDir: corpus, urls: [url(2)] });
    assert.deepEqual([[...deleted].sort(), unreached, left], [[...files].sort(), [], []]);
    for (const _ of 'ab') assert.equal((await lait('labels', 'export', '--corpus', 'birds')).code, 0);
    assert.ok(!readFileSync(files[0]!, 'utf8').includes(url(2)));
  });
});
