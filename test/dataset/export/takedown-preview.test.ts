/** What a preview names is what the takedown then does; and the preview does nothing. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exportShards } from '../../../dataset/export/export.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { previewTakedown } from '../../../dataset/export/takedown-preview.ts';
import { takedownNamesIn } from '../../../dataset/export/takedown-request.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { readSetIdentity, type SetIdentity } from '../../../dataset/shards/set-identity.ts';
import { dataIdentity } from '../../../model/train/made-from.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-preview-'));
const corpus = join(root, 'corpus');
const elsewhere = join(root, 'elsewhere');
const url = (at: number) => `https://site.example/${at}.jpg`;

/** Every file but what locks and SQLite keep, by its contents. */
const contents = (): string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(root, name)).isFile() && !/locks|-shm$|-wal$/.test(name))
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(root, name)))
          .digest('hex')}`,
    );

const preview = async (names: string) => {
  const ledger = Ledger.openReadOnly(corpus);
  try {
    return await previewTakedown(ledger, { corpusDir: corpus, ...takedownNamesIn(names, 'the names') });
  } finally {
    ledger.close();
  }
};

describe('a preview of a takedown', () => {
  before(async () => {
    await writeSmallCorpus(corpus, { images: 12, failed: 1 });
    await exportShards({ corpusDir: corpus, samplesPerShard: 4, validationFraction: 0.2 });
    await exportShards({ corpusDir: corpus, outDir: elsewhere, samplesPerShard: 20, validationFraction: 0 });
  });
  after(() => rmSync(root, { recursive: true }));

  it('changes nothing, and tells of what the corpus does not have', async () => {
    const was = contents();
    const { shards, pairs, ...rest } = await preview(`${url(3)}\n# and\n${'a'.repeat(64)}`);
    assert.deepEqual([shards.length, pairs.length, rest.images], [2, 1, 2]);
    assert.deepEqual((await preview('nobody.example')).pairs, []);
    await assert.rejects(preview('<b>'), /for line 1 of the names but received <b>; correct that line/);
    await assert.rejects(preview('# nothing'), /Expected a URL, a host or a hash/);
    assert.deepEqual(contents(), was);
  });

  it('names runs and stages that learned from shards that hold it', async () => {
    const { shards } = await preview(`${url(3)}\n${url(5)}`);
    const hit = new Set(shards.filter((shard) => shard.startsWith('train/')));
    assert.ok(hit.size > 0);
    const train = await readSetIdentity(join(corpus, 'shards', 'train'));
    const isHit = (path: string): boolean => hit.has(`train/${path.replace('.tar', '')}`);
    const some = (keep: (path: string) => boolean): SetIdentity => ({ ...train, shards: new Map([...train.shards].filter(([path]) => keep(path))) }); // biome-ignore format: one line
    const columns = { identity: 'f', model: null };
    const of = (identity: SetIdentity, { split = 'train', name = corpus } = {}) => ({ start: null, data: [dataIdentity({ corpus: name, split, share: 1 }, identity, columns)] }); // biome-ignore format: one line
    for (const [run, training] of [
      ['learned', { madeFrom: of(train) }],
      ['staged/close', { madeFrom: of(some(isHit)) }],
      ['once', { madeFrom: of(some((path) => !isHit(path))), before: [{ untilStep: 3, madeFrom: of(train) }] }],
      ['without', { madeFrom: of(some((path) => !isHit(path))) }],
      ['validated', { madeFrom: of(train, { split: 'validation' }) }],
      ['elsewhere', { madeFrom: of(train, { name: '/data/other' }) }],
      ['older', {}],
      ['exported', { madeFrom: of(await readSetIdentity(join(elsewhere, 'train')), { name: root }) }],
      [
        'exported-beside',
        { madeFrom: of(await readSetIdentity(join(elsewhere, 'train')), { name: join(root, 'beside') }) },
      ],
    ] as const) {
      const folder = join(corpus, 'runs', run, 'checkpoints', 'step-00000004');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'training.json'), JSON.stringify(training));
    }
    const torn = join(corpus, 'runs', 'torn', 'checkpoints', 'step-00000004');
    mkdirSync(torn, { recursive: true });
    writeFileSync(join(torn, 'training.json'), '{');
    // Neither is a folder.
    symlinkSync(join(root, 'nowhere'), join(corpus, 'runs', 'gone'));
    symlinkSync('/dev/null', join(corpus, 'runs', 'device'));
    const learned = ['exported', 'learned', 'once', 'staged/close'];
    assert.deepEqual((await preview(`${url(3)}\n${url(5)}`)).learned, learned);
    assert.deepEqual((await preview('nobody.example')).learned, []);
  });

  it('does nothing, as the takedown, where it cannot tell where the corpus was pushed to', async () => {
    const pushed = join(corpus, 'pushed.json');
    writeFileSync(pushed, '["hf://data');
    const message = `Expected a JSON list of addresses for ${pushed} but received ["hf://data; correct it, or delete it where nothing was pushed.`;
    await assert.rejects(preview(url(3)), { message, exitCode: 2 });
    await assert.rejects(takedown({ corpusDir: corpus, urls: [url(3)] }), { message });
    writeFileSync(pushed, '["hf://datasets/a/b"]');
    const { unreached, pairs } = await preview(url(3));
    assert.deepEqual([unreached, pairs.length], [['hf://datasets/a/b'], 1]);
    rmSync(pushed);
  });

  for (const names of [`${url(3)}\n${url(5)}`, 'site.example']) {
    it(`of ${names.replace('\n', ' and ')} names what the takedown does`, async () => {
      const { urls, pairs, shards, unreached, ...rest } = await preview(names);
      const { tombstones, isKnown, shardsRewritten, shardsRemoved, ...done } = await takedown({
        corpusDir: corpus,
        ...takedownNamesIn(names, 'the names'),
      });
      assert.deepEqual({ ...rest, pairs: pairs.length, unreached, left: [] }, done);
      const named = [...new Set(shardsRewritten.map((name) => name.replace(/\.\w+$/, '')))];
      assert.deepEqual([shards.toSorted(), shardsRemoved], [named.sort(), []]);
      assert.deepEqual([isKnown, urls > 0, tombstones > 0], [true, true, true]);
      assert.deepEqual((await preview(names)).pairs, []);
    });
  }
});
