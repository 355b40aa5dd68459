/** `lait push` against a hub on this machine: an export and a run with their cards, again, interrupted, and read back. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { parse } from 'yaml';
import type { PushFlags } from '../../cli/call-flags.ts';
import { configSchema } from '../../cli/config.ts';
import { evaluate } from '../../cli/evaluate.ts';
import { push } from '../../cli/push.ts';
import { trainedDir } from '../../cli/runs.ts';
import { openRelevance } from '../../cli/scorers.ts';
import { exportShards } from '../../dataset/export/export.ts';
import { previewTakedown } from '../../dataset/export/takedown-preview.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { memorySource } from '../../model/data/source.ts';
import { ensureHubRun } from '../../model/scorers/hub.ts';
import { latestCheckpoint, readCheckpoint } from '../../model/train/checkpoint.ts';
import { pretrain } from '../../model/train/pretrain.ts';
import { smallUrl, writeSmallCorpus } from '../dataset/small-corpus.ts';
import { contents } from '../helpers/contents.ts';
import { type HubServer, hubTestToken, startHub } from '../helpers/hub-server.ts';
import { config, smallExamples, vocabulary } from '../model/small-model.ts';
import { writeSmallShards } from '../model/small-shards.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-push-'));
const corpusDir = join(root, 'corpus');
const shards = join(corpusDir, 'shards');
const exporting = { corpusDir, samplesPerShard: 10, validationFraction: 0.2, encode: 'jpeg', quality: 40 } as const;
const kept = { ...process.env };
let hub: HubServer;

interface Pushed {
  readonly commit: string | null;
  readonly put: number;
  readonly left: number;
  readonly removed: number;
}

async function pushed(
  address: string,
  flags: Partial<PushFlags> = {},
  signal = new AbortController().signal,
): Promise<Pushed> {
  let result: Pushed | undefined;
  const print = (value: object, text: () => string): void => {
    text();
    result = value as Pushed;
  };
  await push({ corpusDir, args: [address], flags: { public: false, ...flags } as PushFlags, signal, print });
  return result!;
}

/** What the hub has of a repository, without what it makes itself. */
const there = (id: string): Record<string, Buffer> =>
  Object.fromEntries([...hub.repositories.get(id)!.files].filter(([path]) => path !== '.gitattributes').map(([path, { bytes }]) => [path, bytes])); // biome-ignore format: one line

before(async () => {
  await writeSmallCorpus(corpusDir, { images: 24, failed: 1 });
  await exportShards(exporting);
});
beforeEach(async () => {
  hub = await startHub();
  Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_TOKEN: hubTestToken, HF_HOME: join(root, 'hf'), LAIT_CACHE: join(root, 'cache') }); // biome-ignore format: one line
});
afterEach(async () => {
  await hub.close();
  for (const name of ['HF_ENDPOINT', 'HF_TOKEN', 'HF_HOME', 'LAIT_CACHE']) {
    if (kept[name] === undefined) delete process.env[name];
    else process.env[name] = kept[name];
  }
});
after(() => rmSync(root, { recursive: true, force: true }));

const commitsOf = () => hub.asked.filter((line) => line.includes('/commit/')).length;

describe('an export on the hub', () => {
  it('is the same files in one commit of a private repository, sent once', async () => {
    const first = await pushed('hf://datasets/me/birds');
    const files = Object.keys(contents(shards));
    assert.deepEqual([first.put, first.left, first.removed], [files.length, 0, 0]);
    const stored = there('datasets/me/birds');
    assert.deepEqual(Object.keys(stored).sort(), files.sort());
    for (const path of files) assert.deepEqual(stored[path], readFileSync(join(shards, path)), path);
    assert.equal(hub.repositories.get('datasets/me/birds')!.isPrivate, true);
    assert.equal(commitsOf(), 1);
    // Some of the shards went in parts.
    assert.ok(hub.asked.some((line) => line.startsWith('POST /store/complete/')));
    const card = stored['README.md']!.toString();
    assert.match(card, /^---\npretty_name: /);
    assert.match(card, /## Licence and rights/);
    const again = await pushed('hf://datasets/me/birds');
    assert.deepEqual([again.commit, again.put, again.left], [null, 0, files.length]);
    assert.equal(commitsOf(), 1);
    assert.deepEqual(JSON.parse(readFileSync(join(corpusDir, 'pushed.json'), 'utf8')), ['hf://datasets/me/birds']);
    // A takedown cannot reach what is there, and says so.
    const ledger = Ledger.openReadOnly(corpusDir);
    const { unreached } = await previewTakedown(ledger, { corpusDir, urls: [smallUrl(3)] });
    ledger.close();
    assert.ok(unreached.includes('hf://datasets/me/birds'));
  });

  it('goes on after Ctrl-C: nothing was committed, and what was sent is not sent again', async () => {
    const stop = new AbortController();
    hub.onPut = async (number) => {
      if (number === 3) stop.abort();
      return undefined;
    };
    await assert.rejects(pushed('hf://datasets/me/birds', {}, stop.signal), { name: 'Interrupted' });
    assert.deepEqual([commitsOf(), Object.keys(there('datasets/me/birds')).length], [0, 0]);
    hub.onPut = () => undefined;
    const sent = new Set(hub.asked.filter((line) => line.startsWith('PUT /store/put/')));
    hub.asked.length = 0;
    await pushed('hf://datasets/me/birds');
    assert.equal(commitsOf(), 1);
    assert.deepEqual(Object.keys(there('datasets/me/birds')).sort(), Object.keys(contents(shards)).sort());
    const again = hub.asked.filter((line) => sent.has(line));
    assert.ok(again.length < sent.size, `${again.length} of ${sent.size} were sent again`);
  });

  it('may be there after Ctrl-C while the commit is made, which the same command tells', async () => {
    const stop = new AbortController();
    hub.onCommit = () => stop.abort();
    await assert.rejects(pushed('hf://datasets/me/birds', {}, stop.signal), /it may have been committed/);
    assert.equal((await pushed('hf://datasets/me/birds')).commit, null);
  });

  it('asks a busy hub again, and does not stop for it', async () => {
    hub.onPut = (number) => (number === 2 ? 503 : undefined);
    await pushed('hf://datasets/me/birds');
    assert.equal(commitsOf(), 1);
    assert.deepEqual(Object.keys(there('datasets/me/birds')).sort(), Object.keys(contents(shards)).sort());
  });

  it('becomes the next version in one commit: new files come, old ones go, what others put there stays', async () => {
    await pushed('hf://datasets/me/birds');
    const repository = hub.repositories.get('datasets/me/birds')!;
    repository.files.set('notes.md', { bytes: Buffer.from('mine'), isLarge: false });
    const elsewhere = join(root, 'next');
    cpSync(shards, elsewhere, { recursive: true });
    await exportShards({ ...exporting, outDir: elsewhere, subset: new Set(someIds(8)) });
    const next = await pushed('hf://datasets/me/birds', { out: elsewhere });
    assert.ok(next.put > 0 && next.removed > 0);
    const { 'notes.md': notes, ...stored } = there('datasets/me/birds');
    assert.equal(notes?.toString(), 'mine');
    assert.deepEqual(Object.keys(stored).sort(), Object.keys(contents(elsewhere)).sort());
    assert.equal(commitsOf(), 2);
    // The first version again is none that the second one grew to.
    await assert.rejects(pushed('hf://datasets/me/birds'), /an earlier version of this export/);
  });

  it('says that the store refused it, not that the token may not write, and shows no signed URL', async () => {
    for (const status of [400, 403]) {
      hub.onPut = () => status;
      await assert.rejects(pushed('hf://datasets/me/birds'), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`HTTP ${status}: 127\\.0\\.0\\.1:\\d+, where the hub keeps large files`),
        );
        assert.ok(!error.message.includes('signature'), error.message);
        return true;
      });
    }
  });

  it('is refused in one line where it cannot be', async () => {
    const refused = async (address: string, message: RegExp, flags: Partial<PushFlags> = {}): Promise<void> => {
      await assert.rejects(pushed(address, flags), (error: Error) => {
        assert.match(error.message, message);
        assert.equal(error.name, 'UserError');
        assert.ok(!/hf_test|hf_wrong/.test(error.message), error.message);
        return true;
      });
    };
    for (const address of ['birds', 'hf://birds', 'hf://datasets/birds', 'hf://datasets/a/b@v1', 's3://a/b'])
      await refused(address, /hf:\/\/datasets\/OWNER\/NAME/);
    await refused('hf://datasets/me/birds', /an export/, { out: join(root, 'none') });
    await pushed('hf://datasets/me/birds');
    await refused('hf://datasets/me/birds', /a public repository/, { public: true });
    hub.repositories.get('datasets/me/birds')!.files.delete('manifest.json');
    hub.repositories.get('datasets/me/birds')!.files.set('data.csv', { bytes: Buffer.from('a'), isLarge: false });
    await refused('hf://datasets/me/birds', /one with data\.csv/);
    process.env.HF_TOKEN = 'hf_wrong';
    await refused('hf://datasets/me/other', /HTTP 401/);
    process.env.HF_TOKEN = `${hubTestToken}\nsecond`;
    await refused('hf://datasets/me/other', /a token on one line/);
    await assert.rejects(
      trainedDir(corpusDir, 'hf://me/other'),
      /a token on one line.* for HF_TOKEN but received another/,
    );
    process.env.HF_TOKEN = 'secret';
    await refused('hf://datasets/me/other', /a token that begins with hf_/);
    process.env.HF_TOKEN = '';
    await refused('hf://datasets/me/other', /a token of the hub/);
    // Nothing came there, so that a takedown need not be told of it.
    assert.ok(!readFileSync(join(corpusDir, 'pushed.json'), 'utf8').includes('me/other'));
    // Hugging Face's own file.
    mkdirSync(join(root, 'hf'));
    writeFileSync(join(root, 'hf', 'token'), `${hubTestToken}\n`);
    await pushed('hf://datasets/me/other', { public: true });
    assert.equal(hub.repositories.get('datasets/me/other')!.isPrivate, false);
    rmSync(join(root, 'hf'), { recursive: true });
    await hub.close();
    process.env.HF_TOKEN = hubTestToken;
  });

  const someIds = (count: number): string[] => {
    const ledger = Ledger.openReadOnly(corpusDir);
    const ids = ledger.db.prepare('SELECT id FROM survivors ORDER BY id LIMIT ?').pluck().all(count) as string[];
    ledger.close();
    return ids;
  };
});

describe('a run on the hub', () => {
  const runDir = join(corpusDir, 'runs', 'pretrain');
  before(async () => {
    const examples = smallExamples(16);
    const options = { runDir, config, vocabulary, detector: 'patches-32-224', source: memorySource(examples, 1), batchSize: 4, compiled: false }; // biome-ignore format: one line
    const data = (corpus: string, split: string, letter: string) => ({ corpus, split, share: 1, version: 1, sha256: letter.repeat(64), shards: {}, features: 'f', detectorModel: null }); // biome-ignore format: one line
    const wrens = data('/home/somebody/wrens', 'train', 'c');
    await pretrain({ ...options, steps: 1, data: [wrens] });
    const birds = [data(corpusDir, 'train', 'a'), data(corpusDir, 'validation', 'd')];
    await pretrain({ ...options, steps: 2, validation: smallExamples(8, 2), data: birds, dataChanged: 'ok', resume: true }); // biome-ignore format: one line
    const checkpoint = latestCheckpoint(runDir)!;
    const { weightsSha256 } = await import('../../model/train/made-from.ts');
    const recalls = { r1: 0.25, r5: 0.5, r10: 0.75 };
    const result = { split: 'validation', data: { sha256: 'e'.repeat(64) }, method: 'itc', images: 8, texts: 8, imageRetrieval: recalls, textRetrieval: recalls }; // biome-ignore format: one line
    mkdirSync(join(runDir, 'evaluation'));
    for (const [
      name,
      weights,
    ] of [['now', weightsSha256(join(checkpoint, 'model.safetensors'))], ['before', 'b'.repeat(64)]] as const) // biome-ignore format: one line
      writeFileSync(join(runDir, 'evaluation', `${name}.json`), JSON.stringify({ ...result, split: name, weights }));
  });

  it('has its checkpoint without the optimiser, and a card that says what it is made from', async () => {
    const { put } = await pushed('hf://me/birds-imagebert', { license: 'apache-2.0' });
    const checkpoint = latestCheckpoint(runDir)!;
    const stored = there('models/me/birds-imagebert');
    const own = readdirSync(checkpoint).filter((name) => name !== 'optimizer.safetensors');
    assert.deepEqual(Object.keys(stored).sort(), [...own, 'README.md'].sort());
    assert.equal(put, own.length + 1);
    for (const name of own.filter((one) => one !== 'training.json' && one !== 'checksums.json'))
      assert.deepEqual(stored[name], readFileSync(join(checkpoint, name)), name);
    // Nobody's folders go with it.
    for (const [name, bytes] of Object.entries(stored)) assert.ok(!bytes.includes('/home/somebody'), name);
    const card = stored['README.md']!.toString();
    const header = parse(card.split('---\n')[1]!) as Record<string, unknown>;
    assert.deepEqual([header.license, header.library_name], ['apache-2.0', 'lait']);
    assert.match(
      card,
      /\| wrens \| train \| 1 \| 1 \| `cccccccccccccccc` \| 1 \|\n\| corpus \| train \| 1 \| 1 \| `aaaaaaaaaaaaaaaa` \| 2 \|/,
    );
    // Both were fitted on held-out pairs, and so was the choice of the checkpoint.
    assert.deepEqual(
      ['hubs.safetensors', 'rerank.json'].map((name) => name in stored),
      [true, true],
    );
    assert.match(
      card,
      /What it decided: which checkpoint this is, how much a map of whole images counts, how much is taken off for hubs, how much matching counts/,
    );
    assert.match(card, /It began with random weights\./);
    assert.match(card, /no link found/);
    assert.match(card, /the pairs of wrens have is not known here/);
    assert.match(card, /\| now \| `eeeeeeeeeeeeeeee` \| 8, 8 \| itc \| 25\.0 %, 50\.0 %, 75\.0 % \|/);
    assert.ok(!card.includes('| before |'), 'of other weights');
    assert.match(card, /is not unlearned/);
    assert.equal((await pushed('hf://me/birds-imagebert', { license: 'apache-2.0' })).commit, null);
  });

  it('has nothing of the run that was there before, which it would be read with', async () => {
    await pushed('hf://me/birds-imagebert');
    const { files } = hub.repositories.get('models/me/birds-imagebert')!;
    for (const name of ['tokenizer.json', 'notes.md']) files.set(name, { bytes: Buffer.from('{}'), isLarge: false });
    assert.deepEqual([(await pushed('hf://me/birds-imagebert')).removed, commitsOf()], [1, 2]);
    assert.deepEqual(Object.keys(there('models/me/birds-imagebert')).filter((name) => /tokenizer|notes/.test(name)), ['notes.md']); // biome-ignore format: one line
  });

  it('says nothing of the sites of a corpus that it did not learn from', async () => {
    await pushed('hf://me/birds-imagebert');
    await pushed('hf://me/copy', { run: 'hf://me/birds-imagebert' });
    const card = there('models/me/copy')['README.md']!.toString();
    assert.match(card, /the pairs of wrens, corpus have is not known here/);
    assert.doesNotMatch(card, /no link found/);
  });

  it('is fetched as one commit, whatever is pushed meanwhile, and again from another hub', async () => {
    await pushed('hf://me/birds-imagebert');
    const repository = hub.repositories.get('models/me/birds-imagebert')!;
    // The hub may have any file by a redirect to its store, which knows no commits.
    const { bytes } = repository.files.get('config.json')!;
    repository.files.set('config.json', { bytes, isLarge: true });
    let asked = 0;
    const next = new Map(repository.files).set('vocab.txt', { bytes: Buffer.from('of another run'), isLarge: false });
    const onProgress = (): void => {
      // The configuration has been asked for.
      if (asked === 0) hub.repositories.set('models/me/birds-imagebert', { ...repository, sha: 'f'.repeat(40), files: next }); // biome-ignore format: one line
      asked += 1;
    };
    const folder = await ensureHubRun('hf://me/birds-imagebert', { onProgress });
    assert.deepEqual(readCheckpoint(folder).vocabulary, vocabulary);
    process.env.HF_ENDPOINT = 'http://127.0.0.1:1';
    await assert.rejects(ensureHubRun('hf://me/birds-imagebert'), /the hub to answer/);
  });

  it('is read from there as from its folder', async () => {
    await pushed('hf://me/birds-imagebert');
    const folder = await trainedDir(corpusDir, 'hf://me/birds-imagebert');
    assert.ok(existsSync(join(folder, 'training.json')) && !existsSync(join(folder, 'optimizer.safetensors')));
    const [pulled, own] = [readCheckpoint(folder), readCheckpoint(runDir)];
    assert.equal(pulled.verified, true);
    assert.deepEqual(pulled.values, own.values);
    assert.deepEqual([pulled.vocabulary, pulled.detector, pulled.state.step], [own.vocabulary, own.detector, 2]);
    const asked = hub.asked.length;
    // The choice was made on these pairs, which a run of the hub has no folder to tell by.
    const validation = join(root, 'validation');
    await writeSmallShards(validation, { count: 8, seed: 2, split: 'validation', detector: 'patches-32-224' });
    let told = '';
    const whole = configSchema.parse({});
    await evaluate({
      ...{ corpusDir: validation, args: [], flags: {}, given: {}, signal: new AbortController().signal },
      config: { ...whole, regions: { ...whole.regions, detector: 'onnx', onnx: { name: 'patches-32-224' } } as never },
      settings: { ...whole.evaluate, run: 'hf://me/birds-imagebert', split: 'validation', linearMap: 'off' },
      print: (_, text) => {
        told = text();
      },
    });
    assert.match(told, /the checkpoint was chosen by pairs of this split/);
    // A detector that gives other features than it has learned is refused; that it came so far says that the run was read.
    const { regions } = configSchema.parse({});
    const opened = openRelevance('hf://me/birds-imagebert', { corpusDir, regions, keep: (model) => model });
    await assert.rejects(opened, /features of 6 numbers/);
    assert.equal(hub.asked.length, asked, 'it is in the cache');
    await assert.rejects(trainedDir(corpusDir, 'hf://me/none'), /HTTP 404/);
    const other = hub.repositories.get('models/me/birds-imagebert')!;
    hub.repositories.set('models/me/other', { ...other, files: new Map([['config.json', { bytes: Buffer.from('{"model_type":"gpt2"}'), isLarge: false }]]) }); // biome-ignore format: one line
    await assert.rejects(trainedDir(corpusDir, 'hf://me/other'), /Expected a run of lait for hf:\/\/me\/other/);
  });
});
