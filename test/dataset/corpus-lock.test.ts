/** The locks of a corpus' parts: who holds one is named, and a process that was killed leaves it free. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  CorpusBusy,
  corpusParts,
  deathIsCounted,
  hasLastDied,
  inTurn,
  lockFolder,
  lockPart,
  lockPartsInTurn,
} from '../../dataset/corpus-lock.ts';

const root = join(import.meta.dirname, '../..');

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'lait-lock-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A process that holds a part until it is killed. */
async function holder(dir: string, part: string) {
  const code = `import { lockPart, nameHolder } from ${JSON.stringify(join(root, 'dataset/corpus-lock.ts'))};
    nameHolder('lait filter'); lockPart(${JSON.stringify(dir)}, ${JSON.stringify(part)}); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return {
    pid: child.pid,
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

test('a part that another process holds is refused by its name and free when it was killed', async (t) => {
  const dir = folder(t);
  const other = await holder(dir, 'filter');
  assert.throws(
    () => lockPart(dir, 'filter'),
    (error) => {
      assert.ok(error instanceof CorpusBusy);
      assert.equal(error.exitCode, 2);
      assert.match(
        error.message.replace(/\d\d:\d\d\)/, 'TIME)'),
        new RegExp(
          `^corpus ${dir} is being written by lait filter \\(pid ${other.pid}, since TIME\\); wait for it to end, or give --wait\\.$`,
        ),
      );
      return true;
    },
  );
  for (const part of corpusParts) if (part !== 'filter') lockPart(dir, part)();
  const note = join(dir, 'locks/filter.json');
  const said = JSON.parse(readFileSync(note, 'utf8'));
  writeFileSync(note, JSON.stringify({ ...said, host: 'elsewhere', startedAt: '2020-01-02T10:02:00' }));
  assert.throws(() => lockPart(dir, 'filter'), /lait filter \(pid \d+ on elsewhere, since 2020-01-02 10:02\)/);
  assert.equal(said.host, hostname());
  await other.kill();
  assert.ok(existsSync(note), 'it had no time to clean up');
  const unlock = lockPart(dir, 'filter');
  assert.throws(() => lockPart(dir, 'filter'), new RegExp(`another program \\(pid ${process.pid}, `));
  writeFileSync(note, '{"pid":');
  assert.throws(() => lockPart(dir, 'filter'), /by another process;/);
  unlock();
  unlock();
  assert.ok(!existsSync(note));
  lockPart(dir, 'filter')();
});

test('who takes the part of a crawl that died and counts no deaths leaves that to the next one', (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'locks'));
  // As a process that was killed leaves it.
  writeFileSync(join(dir, 'locks/crawl.json'), '{}');
  const seen = Array.from({ length: 4 }, (_, time) => {
    const unlock = lockPart(dir, 'crawl');
    const hasDied = hasLastDied(dir, 'crawl');
    if (time === 2) deathIsCounted(dir, 'crawl');
    unlock();
    return hasDied;
  });
  assert.deepEqual(seen, [true, true, true, false]);
  // Of other parts nobody asks.
  writeFileSync(join(dir, 'locks/filter.json'), '{}');
  lockPart(dir, 'filter')();
  assert.deepEqual(
    readdirSync(join(dir, 'locks')).filter((name) => name.endsWith('.json')),
    [],
  );
});

test('a lock whose note cannot be removed is free all the same', (t) => {
  const dir = folder(t);
  const note = join(dir, 'locks/crawl.json');
  const unlock = lockPart(dir, 'crawl');
  rmSync(note);
  mkdirSync(note);
  assert.throws(unlock, { code: 'ERR_FS_EISDIR' });
  rmSync(note, { recursive: true });
  lockPart(dir, 'crawl')();
});

test('a lock that ends leaves the note of another one, which lies where its folder was', (t) => {
  const dir = folder(t);
  const unlock = lockPart(dir, 'filter');
  const note = join(dir, 'locks', 'filter.json');
  const another = { ...JSON.parse(readFileSync(note, 'utf8')), pid: process.pid + 1 };
  writeFileSync(note, JSON.stringify(another));
  unlock();
  assert.deepEqual(JSON.parse(readFileSync(note, 'utf8')), another);
});

test('who waits takes the parts when they are free, all or none, and hears once for whom', async (t) => {
  const dir = folder(t);
  const other = await holder(dir, 'shards');
  const heard: string[] = [];
  const onWait = ({ message }: CorpusBusy) => {
    heard.push(message);
    if (heard.length === 1) setTimeout(other.kill, 700);
  };
  const release = await lockPartsInTurn(dir, ['regions', 'shards', 'filter'], { onWait });
  assert.equal(heard.length, 1);
  for (const part of ['filter', 'shards', 'regions'] as const) assert.throws(() => lockPart(dir, part), CorpusBusy);
  const stop = new AbortController();
  const waiting = lockPartsInTurn(dir, ['crawl', 'shards'], { signal: stop.signal });
  setTimeout(() => stop.abort(new Error('stopped')), 300);
  await assert.rejects(waiting, /stopped/);
  lockPart(dir, 'crawl')();
  release();
  for (const part of corpusParts) lockPart(dir, part)();
});

test('work is done again when what was busy is free, and its own errors are its own', async (t) => {
  const dir = folder(t);
  const first = lockPart(dir, 'crawl');
  let tries = 0;
  setTimeout(first, 500);
  const unlock = await inTurn(() => {
    tries += 1;
    return lockPart(dir, 'crawl');
  });
  assert.ok(tries > 1);
  unlock();
  await assert.rejects(
    inTurn(() => Promise.reject(new Error('own'))),
    /own/,
  );
});

test('a folder of an export is locked by what it is and not by its name, and gets no file', (t) => {
  const dir = folder(t);
  const unlock = lockFolder(join(dir, 'out'));
  assert.throws(() => lockFolder(join(dir, 'x/../out/')), /^CorpusBusy|folder .* is being written by/);
  unlock();
  lockFolder(join(dir, 'out'))();
  assert.deepEqual(readdirSync(dir), []);
});
