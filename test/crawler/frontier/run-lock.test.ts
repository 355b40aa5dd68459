/** The corpus' lock: who holds it is named, and a process that was killed leaves it free. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockCorpus } from '../../../crawler/frontier/run-lock.ts';
import { UserError } from '../../../dataset/user-error.ts';

test('a lock that another process holds is refused by its name and free when it was killed', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-lock-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const module = join(import.meta.dirname, '../../../crawler/frontier/run-lock.ts');
  const code = `import { lockCorpus } from ${JSON.stringify(module)}; lockCorpus(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: join(import.meta.dirname, '../../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  assert.throws(
    () => lockCorpus(dir),
    (error) =>
      error instanceof UserError &&
      error.message.startsWith(
        `Expected no other crawl to be running on ${dir} but received process ${holder.pid}, which began at 2`,
      ),
  );
  holder.kill('SIGKILL');
  await ended;
  assert.ok(existsSync(join(dir, 'crawl.lock.json')), 'it had no time to clean up');
  const unlock = lockCorpus(dir);
  assert.throws(() => lockCorpus(dir), new RegExp(`process ${process.pid}, `));
  writeFileSync(join(dir, 'crawl.lock.json'), '{"pid":');
  assert.throws(() => lockCorpus(dir), /received another process;/);
  unlock();
  assert.ok(!existsSync(join(dir, 'crawl.lock.json')));
  lockCorpus(dir)();
});

test('a lock whose note cannot be removed is free all the same', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-lock-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const note = join(dir, 'crawl.lock.json');
  const unlock = lockCorpus(dir);
  rmSync(note);
  mkdirSync(note);
  assert.throws(unlock, { code: 'ERR_FS_EISDIR' });
  rmSync(note, { recursive: true });
  lockCorpus(dir)();
});
