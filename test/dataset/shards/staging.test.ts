/** What is written beside a set and taken over: killed at every rename, it is finished by whoever comes next, whoever that is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockPart } from '../../../dataset/corpus-lock.ts';
import { explain } from '../../../dataset/export/explain.ts';
import { exportShards } from '../../../dataset/export/export.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { importDataset } from '../../../dataset/import/import.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { settleInTurn } from '../../../dataset/shards/settle-in-turn.ts';
import { isHalfTaken, settle } from '../../../dataset/shards/staging.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { contents } from '../../helpers/contents.ts';
import { picture } from '../../helpers/picture.ts';
import { screenSmallCorpus, smallId, writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-staging-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** The files of shards, without what describes the whole set. */
const shardFiles = (files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).filter(([path]) => /^\w+\/\d/.test(path)));

/** Runs the script that is killed before its step of this number; says whether it was. */
function killedAt(step: number, ...args: readonly string[]): boolean {
  const runner = join(import.meta.dirname, 'staging-runner.ts');
  const { signal, status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', runner, String(step), ...args]);
  assert.ok(signal === 'SIGKILL' || status === 0, stderr.toString());
  return signal === 'SIGKILL';
}

/** Kills the taking over before each of its steps; the comers, in turns, then find the folder half taken and leave it whole. */
async function killAtEach(
  halfTaken: string,
  folderOf: (corpus: string) => string,
  wanted: Record<string, string>,
  comers: readonly ((corpus: string) => Promise<unknown>)[],
): Promise<number> {
  for (let step = 0; ; step++) {
    const corpus = join(root, `${step}-of-${halfTaken.split('/').at(-1)}`);
    cpSync(halfTaken, corpus, { recursive: true, preserveTimestamps: true });
    if (!killedAt(step, 'settle', folderOf(corpus))) {
      assert.deepEqual(contents(folderOf(corpus)), wanted);
      return step;
    }
    assert.ok(isHalfTaken(folderOf(corpus)) || step > Object.keys(wanted).length);
    const comer = comers[step % comers.length]!;
    await comer(corpus);
    // A takedown writes the summaries of the set anew.
    assert.deepEqual(shardFiles(contents(folderOf(corpus))), shardFiles(wanted), `step ${step}, ${comer}`);
    const { faults, isSettled, isUnfinished } = await verify({ shardsDir: folderOf(corpus) });
    assert.deepEqual([faults, isSettled, isUnfinished], [[], false, false]);
  }
}

test('a growing export that is killed at any of its last renames is finished by whoever comes next', async () => {
  const corpus = join(root, 'export');
  await writeSmallCorpus(corpus, { images: 24 });
  const options = { samplesPerShard: 10, validationFraction: 0.2 };
  await exportShards({ corpusDir: corpus, ...options });
  // The next version has new shards, rewritten ones, and one that goes.
  await writeSmallCorpus(corpus, { images: 12, first: 100 });
  screenSmallCorpus(corpus, 1, (i) => i >= 100 || i % 9 !== 0);
  const undisturbed = join(root, 'undisturbed');
  cpSync(corpus, undisturbed, { recursive: true, preserveTimestamps: true });
  await exportShards({ corpusDir: undisturbed, ...options });
  const wanted = contents(join(undisturbed, 'shards'));
  assert.ok(killedAt(0, 'export', corpus));
  assert.notDeepEqual(contents(join(corpus, 'shards')), wanted);
  const shards = (of: string) => join(of, 'shards');
  const steps = await killAtEach(corpus, shards, wanted, [
    async (of) => {
      const { faults, isSettled, isUnfinished, version } = await verify({ shardsDir: shards(of) });
      assert.deepEqual([faults, isSettled, isUnfinished, version?.version], [[], true, false, 2]);
    },
    async (of) => assert.deepEqual((await verify({ shardsDir: shards(of), corpusDir: of, repair: true })).faults, []),
    (of) => takedown({ corpusDir: of, urls: ['https://other.example/1.jpg'] }),
    (of) => exportShards({ corpusDir: of, ...options }),
    (of) => settleInTurn(shards(of)), // regions, pretrain, finetune, evaluate, train-relevance
    (of) => explain({ corpusDir: of, what: smallId(1) }),
  ]);
  assert.ok(steps > 12, `${steps} steps`);
});

test('an import that is killed at any of its last renames is finished by whoever comes next', async () => {
  const archive = async (name: string, numbers: readonly number[]): Promise<string> => {
    const path = join(root, name);
    const tar = new TarWriter(path);
    for (const i of numbers) {
      tar.add(`k${i}`, { jpg: await picture(i, { width: 40, height: 30 }), txt: Buffer.from(`Text ${i}`) });
    }
    tar.commit();
    return path;
  };
  const [first, second] = [await archive('first.tar', [0, 1, 2, 3]), await archive('second-val.tar', [4, 5, 6])];
  const bring = (corpus: string, paths: string) =>
    importDataset({ from: 'webdataset', paths }, { outDir: join(corpus, 'shards'), samplesPerShard: 2 });
  const shards = (of: string) => join(of, 'shards');
  const undisturbed = join(root, 'undisturbed-import');
  for (const [name, before] of [
    ['into-nothing', []],
    ['beside-others', [first]],
  ] as const) {
    rmSync(undisturbed, { recursive: true, force: true });
    const corpus = join(root, name);
    for (const of of [corpus, undisturbed]) {
      Ledger.open(of).close();
      for (const paths of before) await bring(of, paths);
    }
    await bring(undisturbed, second);
    assert.ok(killedAt(0, 'import', second, shards(corpus)));
    const steps = await killAtEach(corpus, shards, contents(shards(undisturbed)), [
      async (of) => assert.deepEqual((await verify({ shardsDir: shards(of) })).faults, []),
      (of) => takedown({ corpusDir: of, urls: ['https://other.example/1.jpg'] }),
      (of) => bring(of, second),
      (of) => settleInTurn(shards(of)),
    ]);
    assert.ok(steps > 8, `${steps} steps`);
  }
});

test('who finds another one taking files over waits for it; a half-written version is no matter of theirs', async () => {
  const corpus = join(root, 'busy');
  await writeSmallCorpus(corpus, { images: 4 });
  await exportShards({ corpusDir: corpus });
  const shards = join(corpus, 'shards');
  mkdirSync(join(shards, '.next/train'), { recursive: true });
  writeFileSync(join(shards, '.next/train/00000.tar'), 'half');
  assert.equal(await settleInTurn(shards), false);
  const { isUnfinished, faults } = await verify({ shardsDir: shards });
  assert.deepEqual([isUnfinished, faults], [true, []]);
  rmSync(join(shards, '.next/train'), { recursive: true });
  writeFileSync(join(shards, '.next/commit.json'), '{"removed":[]}\n');
  const unlock = lockPart(corpus, 'shards');
  const heard: string[] = [];
  let isDone = false;
  const settled = settleInTurn(shards, { onWait: ({ message }) => heard.push(message) }).then(() => {
    isDone = true;
  });
  while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual([isDone, isHalfTaken(shards)], [false, true]);
  unlock();
  await settled;
  assert.equal(existsSync(join(shards, '.next')), false);
});

test('a set from elsewhere deletes and writes nothing outside of it, whatever links it has', () => {
  const outside = join(root, 'outside');
  mkdirSync(join(outside, 'below'), { recursive: true });
  writeFileSync(join(outside, 'precious.txt'), 'mine');
  writeFileSync(join(outside, 'below/precious.txt'), 'mine');
  const set = (name: string, commit: string) => {
    const folder = join(root, name);
    mkdirSync(join(folder, '.next'), { recursive: true });
    writeFileSync(join(folder, '.next/commit.json'), commit);
    return folder;
  };
  const removing = set('removing', '{"removed":["train/precious.txt","train/below/precious.txt"]}');
  symlinkSync(outside, join(removing, 'train'));
  const deeper = set('deeper', '{"removed":["train/below/precious.txt"]}');
  symlinkSync(outside, join(deeper, 'train'));
  const writing = set('writing', '{"removed":[]}');
  symlinkSync(outside, join(writing, 'train'));
  mkdirSync(join(writing, '.next/train'));
  writeFileSync(join(writing, '.next/train/precious.txt'), 'theirs');
  const linked = join(root, 'linked');
  mkdirSync(linked);
  writeFileSync(join(outside, 'commit.json'), '{"removed":[]}');
  symlinkSync(outside, join(linked, '.next'));
  const others = ['{}', '{"removed":"train"}', '{"removed":[1]}', '{"removed":["../outside/precious.txt"]}'];
  const all = [removing, deeper, writing, linked, ...others.map((commit, i) => set(`other-${i}`, commit))];
  for (const folder of all) assert.throws(() => settle(folder), UserError, folder);
  rmSync(join(outside, 'commit.json'));
  assert.deepEqual(
    [readdirSync(outside).sort(), readFileSync(join(outside, 'precious.txt'), 'utf8')],
    [['below', 'precious.txt'], 'mine'],
  );
  assert.deepEqual(readdirSync(join(outside, 'below')), ['precious.txt']);
});
