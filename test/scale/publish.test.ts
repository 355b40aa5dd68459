/** An export goes to S3 or another folder whole, once, and again after a kill; nothing of others is touched. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { openVisits, renewCopies } from '../../cli/takedown-elsewhere.ts';
import type { Sentence } from '../../cli/view/sentence.ts';
import { type Taken, takeDown } from '../../cli/view/takedowns.ts';
import { segmentKey } from '../../crawler/shared/parts.ts';
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { blobChunks } from '../../dataset/blobs/chunks.ts';
import { mirror } from '../../dataset/blobs/mirror.ts';
import { openBlob, openBlobs, readBlob } from '../../dataset/blobs/open.ts';
import { within } from '../../dataset/blobs/place.ts';
import { CorpusBusy, lockPart } from '../../dataset/corpus-lock.ts';
import { exportShards } from '../../dataset/export/export.ts';
import { publishExport } from '../../dataset/export/publish.ts';
import { verify } from '../../dataset/export/verify.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { noteWorkPictures } from '../../dataset/ledger/work-pictures.ts';
import { blockBytes, tarHeader } from '../../dataset/shards/tar-header.ts';
import { screenSmallCorpus, smallUrl, writeSmallCorpus } from '../dataset/small-corpus.ts';
import { contents } from '../helpers/contents.ts';
import { type Ran, ranInProcess } from '../helpers/in-process.ts';
import { noS3Server, type S3Server, startS3 } from './s3-server.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-publish-'));
const corpusDir = join(root, 'corpus');
const shards = join(corpusDir, 'shards');
const exporting = { corpusDir, samplesPerShard: 10, validationFraction: 0.2, encode: 'jpeg', quality: 40 } as const;
let server: S3Server | undefined;

/** SHA-256 by key of everything in a place. */
async function contentsOf(place: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { key } of (await openBlobs(place)).list()) {
    const hash = createHash('sha256');
    for await (const chunk of blobChunks(await openBlob(within(place, key)))) hash.update(chunk);
    found[key] = hash.digest('hex');
  }
  return found;
}

before(async () => {
  if (!noS3Server) server = await startS3();
  await writeSmallCorpus(corpusDir, { images: 40, failed: 1 });
  await exportShards(exporting);
});
after(async () => {
  await server?.close();
  rmSync(root, { recursive: true, force: true });
});

const places = [
  { name: 'a folder', place: () => join(root, 'published'), skip: false },
  { name: 'S3', place: () => 's3://birds/published/shards', skip: noS3Server },
] as const;

for (const { name, place, skip } of places) {
  describe(`an export in ${name}`, { skip }, () => {
    test('is the same files, put once', async () => {
      const first = await publishExport(shards, place());
      assert.deepEqual(await contentsOf(place()), contents(shards));
      assert.equal(first.put, Object.keys(contents(shards)).length - 1);
      assert.deepEqual(await publishExport(shards, place()), { put: 0, left: first.put, removed: 0, bytes: 0 });
      const { faults, files } = await verify({ shardsDir: place() });
      assert.deepEqual([faults, files], [[], first.put]);
    });

    test('grows, and loses what the next version has not', async () => {
      const copy = join(root, `grown-${name.length}`);
      cpSync(corpusDir, copy, { recursive: true });
      screenSmallCorpus(copy, 7, (i) => i < 4);
      await exportShards({ ...exporting, corpusDir: copy });
      const { put, removed } = await publishExport(join(copy, 'shards'), place());
      assert.ok(put > 0 && removed > 0, `${put} put, ${removed} removed`);
      assert.deepEqual(await contentsOf(place()), contents(join(copy, 'shards')));
      // What is older, and not of this line any more, does not go over it.
      await assert.rejects(publishExport(shards, place()), /^UserError: Expected an earlier version of this export/);
    });

    test('what is not as the manifest says is found', async () => {
      const blobs = await openBlobs(place());
      const tar = Object.keys(await contentsOf(place())).find((key) => key.endsWith('.tar'))!;
      const { byteLength } = (await blobs.facts(tar))!;
      await blobs.put(tar, Buffer.alloc(byteLength));
      await blobs.put('README.old', Buffer.from('x'));
      const { faults } = await verify({ shardsDir: place() });
      assert.deepEqual(
        faults.map(({ path, reason }) => [path, reason]),
        [
          [tar, 'changed'],
          ['README.old', 'unknown-file'],
        ],
      );
    });

    test('what is of others stays', async () => {
      const other = `${place()}-other`;
      await (await openBlobs(other)).put('notes.txt', Buffer.from('mine'));
      await assert.rejects(publishExport(shards, other), /but received one with notes\.txt; name another\.$/);
      assert.deepEqual(Object.keys(await contentsOf(other)), ['notes.txt']);
      await (await openBlobs(`${place()}-third`)).put('manifest.json', Buffer.from('{}'));
      await assert.rejects(
        publishExport(shards, `${place()}-third`),
        /Expected an export of lait for \S+manifest\.json/,
      );
    });
  });
}

test('lait export publishes where lait.yaml says, and what is taken down leaves that place too', {
  skip: noS3Server,
}, async () => {
  const own = join(root, 'own');
  cpSync(corpusDir, own, { recursive: true });
  rmSync(join(own, 'shards'), { recursive: true });
  writeFileSync(join(own, 'lait.yaml'), 'blobs: s3://birds/own\nexport: { samplesPerShard: 10 }\n');
  const exported = await lait('export', '--corpus', own);
  assert.equal(exported.code, 0, exported.said);
  assert.match(exported.said, /^s3:\/\/birds\/own\/shards: \d+ files put \(\S+ MB\), 0 there already, 0 removed$/m);
  const before = await contentsOf('s3://birds/own/shards');
  assert.deepEqual(before, contents(join(own, 'shards')));
  const taken = await lait('takedown', '--corpus', own, '--url', smallUrl(7));
  assert.equal(taken.code, 0, taken.said);
  assert.match(taken.said, /^s3:\/\/birds\/own\/shards: \d+ files put/m);
  const now = await contentsOf('s3://birds/own/shards');
  assert.deepEqual(now, contents(join(own, 'shards')));
  assert.notDeepEqual(now, before);

  // A bucket that is gone, named first, keeps nothing from leaving the other places, until the operator says that it is gone.
  const published = join(own, 'published.json');
  const entries = JSON.parse(readFileSync(published, 'utf8')) as { place: string }[];
  const lost = ['s3://lost/shards', 's3://lost/more'];
  writeFileSync(published, JSON.stringify([...lost.map((place) => ({ ...entries[0], place })), ...entries]));
  const partly = await lait('takedown', '--corpus', own, '--url', smallUrl(8));
  assert.equal(partly.code, 2, partly.said);
  assert.match(
    partly.said,
    /^lait: Expected what was taken down to leave all places but these were not reached: s3:\/\/lost\/shards, s3:\/\/lost\/more; run .* --gone PLACE .*\.$/m,
  );
  assert.deepEqual(await contentsOf('s3://birds/own/shards'), contents(join(own, 'shards')));
  // Of the workbench the page keeps what was removed, beside that line.
  const question = { corpusDir: own, databases: own, names: smallUrl(9) };
  const shown = (await takeDown(question)) as Exclude<Taken, Sentence>;
  assert.deepEqual([shown.samples, shown.left], [1, []]);
  assert.match(
    shown.fault!,
    /^Expected what was taken down to leave all places but .* s3:\/\/lost\/shards, s3:\/\/lost\/more; /,
  );

  // One is gone, and the other one away for now: the same command again is the same.
  const goneIs = (...some: string[]) =>
    ranInProcess(['takedown', '--corpus', own, '--url', smallUrl(8), ...some.flatMap((place) => ['--gone', place])]);
  for (const told of [
    /^(?!.*no takedown looks there)/s,
    /^lait: --gone s3:\/\/lost\/shards: no takedown looks there; there are s3:\/\/lost\/more, s3:\/\/birds\/own\/shards$/m,
  ]) {
    const { code, stderr } = await goneIs(lost[0]!);
    assert.equal(code, 2);
    assert.match(stderr, told);
    assert.match(stderr, /not reached: s3:\/\/lost\/more; /);
  }
  assert.deepEqual([(await goneIs(...lost)).code, (await goneIs(...lost)).code], [0, 0]);
  assert.deepEqual(JSON.parse(readFileSync(published, 'utf8')), entries);

  // Who writes shards meanwhile is waited for, and makes no place one that was not reached.
  const { signal } = new AbortController();
  const visits = openVisits(signal);
  const release = lockPart(own, 'shards');
  await assert.rejects(
    visits.at(entries[0]!.place, async () => lockPart(own, 'shards')),
    CorpusBusy,
  );
  const isAsked = (): never => assert.fail('asked');
  await assert.rejects(renewCopies({ corpusDir: own, signal, onWait: isAsked }, visits), /asked/);
  let isWaiting = (): void => {};
  const waits = new Promise<void>((resolve) => (isWaiting = resolve)); // biome-ignore format: one line
  const renewed = renewCopies({ corpusDir: own, signal, onWait: isWaiting }, visits);
  await Promise.race([waits, renewed.then(() => assert.fail('it did not wait'))]);
  release();
  await renewed;
});

test('what workers of a shared crawl have put into S3 leaves it when the crawl goes on in the folder', {
  skip: noS3Server,
}, async () => {
  const moved = join(root, 'moved');
  cpSync(corpusDir, moved, { recursive: true });
  const work = await openBlobs('s3://birds/moved/work');
  const key = segmentKey('1', 0);
  const [taken, kept] = ['t', 'k'].map((letter) => Buffer.alloc(blockBytes, letter)) as [Buffer, Buffer];
  await work.put(key, Buffer.concat([taken, kept].flatMap((bytes) => [tarHeader('picture', blockBytes), bytes])));
  // As an earlier lait has noted it, which knew of one place alone.
  const ledger = Ledger.open(moved);
  for (const [i, number] of [5, 6].entries()) {
    const url = smallUrl(number);
    const sha256 = ledger.statement('SELECT sha256 FROM images WHERE url = ?').pluck().get(url) as string;
    const offset = blockBytes * (2 * i + 1);
    const picture = { sha256, place: '', part: '1', segment: 0, offset, byteLength: blockBytes };
    noteWorkPictures(ledger, [{ url, picture }]);
  }
  ledger.close();
  const takedown = async (): Promise<Ran & { unreached: string[]; erasedOfWorkers: number }> => {
    const ran = await ranInProcess(['takedown', '--corpus', moved, '--url', smallUrl(5), '--json']);
    return { ...JSON.parse(ran.stdout), ...ran };
  };
  const nowhere = await takedown();
  assert.deepEqual([nowhere.code, nowhere.unreached], [2, ['unknown-blobs/work']], nowhere.stderr);
  assert.match(nowhere.stderr, /not reached: unknown-blobs\/work; /);
  // A place that is gone for good is forgotten with all pictures, also those that are taken down later.
  const copy = join(root, 'moved-and-gone');
  cpSync(moved, copy, { recursive: true });
  for (const named of [
    ['--url', smallUrl(5), '--gone', 'unknown-blobs/work'],
    ['--url', smallUrl(6)],
  ]) {
    const ran = await ranInProcess(['takedown', '--corpus', copy, ...named]);
    assert.equal(ran.code, 0, ran.stderr);
  }
  // `store` is taken out when the crawl was moved into the folder.
  writeFileSync(join(moved, 'lait.yaml'), 'blobs: s3://birds/moved\n');
  const { code, stderr, unreached, erasedOfWorkers } = await takedown();
  assert.deepEqual([code, unreached, erasedOfWorkers], [0, ['s3://birds/moved/work'], 1], stderr);
  const left = (await readBlob(work, key, { maxBytes: 1 << 20 }))!;
  assert.deepEqual([left.includes(taken), left.includes(kept)], [false, true]);
});

function lait(...args: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), ...args]);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data)); // biome-ignore format: one line
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
}

describe('a writer that ends in the middle', { skip: noS3Server }, () => {
  const uploads = async (): Promise<number> => {
    const client = new S3Client({ endpoint: server!.endpoint, region: 'us-east-1', forcePathStyle: true });
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'birds' }));
    client.destroy();
    return Uploads.length;
  };
  const files = join(root, 'files');
  const inS3 = 's3://birds/killed';

  test('killed in a large file it leaves nothing that is seen; the next one sweeps and puts it whole', async () => {
    rmSync(files, { recursive: true, force: true });
    cpSync(shards, files, { recursive: true });
    writeFileSync(join(files, 'large.bin'), randomBytes(40 << 20));
    // The second part never gets an answer.
    let parts = 0;
    let onPart = (): void => {};
    const met = new Promise<void>((resolve) => (onPart = resolve)); // biome-ignore format: one line
    server!.fault = ({ method, url }) => {
      if (method !== 'PUT' || !url.includes('partNumber=')) return null;
      parts += 1;
      if (parts > 1) onPart();
      return parts > 1 ? 'refuse' : null;
    };
    const script = `import { mirror } from ${JSON.stringify(join(import.meta.dirname, '../../dataset/blobs/mirror.ts'))}; await mirror(${JSON.stringify(files)}, '${inS3}');`;
    const child = spawn(process.execPath, [
      '--import',
      import.meta.resolve('tsx'),
      '--input-type=module',
      '-e',
      script,
    ]);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await Promise.race([met, ended.then(() => assert.fail('it ended by itself'))]);
    child.kill('SIGKILL');
    await ended;
    server!.fault = () => null;
    assert.equal(await uploads(), 1);
    assert.ok(!('large.bin' in (await contentsOf(inS3))));

    const { put } = await mirror(files, inS3);
    assert.ok(put > 0);
    assert.equal(await uploads(), 0);
    assert.deepEqual(await contentsOf(inS3), contents(files));
    assert.deepEqual(await mirror(files, inS3), { put: 0, left: readdirSync(files, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length, removed: 0 }); // biome-ignore format: one line
  });

  test('an export that stops between files has the version before until the next one', async () => {
    const place = 's3://birds/stopped';
    const stop = new AbortController();
    await assert.rejects(
      publishExport(shards, place, {
        signal: stop.signal,
        onProgress: ({ files: done }) => done === 3 && stop.abort(new Error('stopped')),
      }),
      /stopped/,
    );
    assert.ok(!('manifest.json' in (await contentsOf(place))));
    const { left } = await publishExport(shards, place);
    assert.ok(left >= 3);
    assert.deepEqual(await contentsOf(place), contents(shards));
  });

  test('two writers at once: one is told', async () => {
    const place = 's3://birds/two';
    const other: Blobs = await openBlobs(place);
    server!.fault = ({ method, url }) => {
      if (method !== 'PUT' || !url.includes('/two/train/00000.tar')) return null;
      server!.fault = () => null;
      void other.put('manifest.json', readFileSync(join(shards, 'manifest.json')));
      return { status: 503, code: 'SlowDown' };
    };
    await assert.rejects(publishExport(shards, place), { name: 'UserError', exitCode: 1, message: /^Expected to be the only one who publishes at / }); // biome-ignore format: one line
  });
});
