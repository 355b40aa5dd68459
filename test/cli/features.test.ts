/** Features and the pictures that they are of, over exports that move, on real shards. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportShards } from '../../dataset/export/export.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { markFinished, recipeId } from '../../dataset/ledger/recipes.ts';
import { recordVerdicts } from '../../dataset/ledger/verdicts.ts';
import { pairId } from '../../dataset/pair.ts';
import { writeSmallCorpus } from '../dataset/small-corpus.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { ownFeatures } from '../helpers/own-features.ts';

const corpus = mkdtempSync(join(tmpdir(), 'lait-features-'));
after(() => rmSync(corpus, { recursive: true }));

async function lait(...args: readonly string[]) {
  const { code, stdout, stderr } = await ranInProcess([...args, '--corpus', corpus]);
  return { status: code, output: stdout + stderr };
}

const images = 60;

/** Judges anew by a rule that keeps what `keeps` says, and exports. */
async function exportKept(name: string, keeps: (image: number) => boolean): Promise<number> {
  const ledger = Ledger.open(corpus);
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: { name } }]);
  const id = (image: number) => pairId(`https://site.example/${image}.jpg`, `A square of colour number ${image}`);
  const judged = Array.from({ length: images }, (_, image) => ({
    id: id(image),
    droppedBy: keeps(image) ? null : 'text/any',
    reason: keeps(image) ? null : 'too-few',
  }));
  recordVerdicts(ledger, recipe, judged);
  markFinished(ledger, recipe, true);
  ledger.close();
  const { splits } = await exportShards({ corpusDir: corpus, samplesPerShard: 10, validationFraction: 0.3 });
  return splits.train.samples + splits.validation.samples;
}

/** How many samples are read with the features of their own picture. */
const withOwnFeatures = async (): Promise<number> => (await ownFeatures(corpus)).own;

const pretrain = ['pretrain', '--preset', 'tiny', '--steps', '2', '--batch-size', '4'];

test('export, regions, a moved threshold, export: every sample is trained with the features of its own picture', async () => {
  await writeSmallCorpus(corpus, { images });
  writeFileSync(join(corpus, 'lait.yaml'), 'regions:\n  detector: patches\n');
  assert.equal(await exportKept('first', (image) => image % 4 !== 1), 45);
  assert.match((await lait('regions')).output, /images \(49\.0 each\) in \d shards; 0 kept, 45 new, 0 without/);

  // Stricter: keys move, no picture is new, and nothing needs to be detected.
  assert.equal(await exportKept('stricter', (image) => image % 4 !== 1 && image % 3 !== 0), 30);
  assert.equal(await withOwnFeatures(), 30);
  const trained = await lait(...pretrain);
  assert.equal(trained.status, 0, trained.output);
  assert.doesNotMatch(trained.output, /skipped/);

  // Looser: what is new is told before any work, by each command that would need it.
  assert.equal(await exportKept('looser', (image) => image % 4 !== 1 || image % 5 === 0), 48);
  const split = (name: string, missing: string) =>
    new RegExp(
      `^lait: Expected features of all \\d+ pictures of \\S*shards/${name} for \\S*regions/patches but received none of ${missing} of them; run lait regions --corpus \\S+, which detects only those\\.\n$`,
      'm',
    );
  for (const [command, name] of [
    [[...pretrain, '--run', 'other'], '(train|validation)'],
    [['finetune'], '(train|validation)'],
    [['evaluate', '--split', 'train'], 'train'],
  ] as const) {
    const { status, output } = await lait(...command);
    assert.equal(status, 2, output);
    assert.match(output, split(name, '[123]'), command[0]);
  }
  assert.match((await lait('regions')).output, /; 45 kept, 3 new, 0 without/);
  assert.match((await lait('regions')).output, /; 48 kept, 0 new, 0 without/);
  assert.equal(await withOwnFeatures(), 48);

  // The run was trained on another version.
  const resumed = await lait(...pretrain.slice(0, -4), '--steps', '3', '--batch-size', '4');
  assert.equal(resumed.status, 2, resumed.output);
  assert.match(
    resumed.output,
    /^lait: Expected what \S*step-00000002 was made from but received something else: (train|validation) of \S+( \(version \d+, now \d+\))?: of \d+ shards \d+ (changed|added|removed).*; give --data-changed ok to go on with it, or another --run to begin anew\.$/m,
  );
  assert.equal(
    (await lait(...pretrain.slice(0, -4), '--steps', '3', '--batch-size', '4', '--data-changed', 'ok')).status,
    0,
  );
  assert.match(
    (await lait(...pretrain, '--run', 'none', '--data-changed', 'ok')).output,
    /--data-changed has no effect without a run that goes on/,
  );
  const evaluated = await lait('evaluate', '--split', 'train');
  assert.equal(evaluated.status, 0, evaluated.output);
  assert.match(evaluated.output, /^train.*, data [0-9a-f]{12}, weights [0-9a-f]{12}$/m);

  // Other shards have a result of their own.
  const results = join(corpus, 'runs/pretrain/evaluation');
  const names = () =>
    readdirSync(results)
      .filter((name) => name.endsWith('.json'))
      .toSorted();
  const [name = ''] = names();
  const own = readFileSync(join(results, name), 'utf8');
  const other = mkdtempSync(join(tmpdir(), 'lait-features-'));
  after(() => rmSync(other, { recursive: true }));
  for (const part of ['shards', 'regions']) cpSync(join(corpus, part), join(other, part), { recursive: true });
  const elsewhere = await lait('evaluate', '--split', 'train', '--shards', join(other, 'shards'));
  assert.equal(elsewhere.status, 0, elsewhere.output);
  assert.equal(readFileSync(join(results, name), 'utf8'), own);
  const { sha256 } = (JSON.parse(own) as { data: { sha256: string } }).data;
  assert.deepEqual(names(), [name.replace('.json', `-${sha256.slice(0, 12)}.json`), name]);
});
