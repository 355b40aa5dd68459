/** Temporary folders end with their process, or when another one looks. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockFile } from '../../dataset/corpus-lock.ts';
import { keepWhileRunning, temporaryFolder } from '../../dataset/temporary-folder.ts';

/** Another folder for them, for one test. */
function temporaryFiles(t: TestContext): string {
  const before = process.env.TMPDIR;
  const temporary = mkdtempSync(join(tmpdir(), 'lait-temporary-'));
  t.after(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(temporary, { recursive: true });
  });
  process.env.TMPDIR = temporary;
  return temporary;
}

test('what killed processes left is removed; what runs, is young or somebody else’s is not', (t) => {
  const temporary = temporaryFiles(t);
  const folders = {
    'lait-texts-killed': { isOld: true },
    'playwright_chromiumdev_profile-killed': { isOld: true },
    'lait-texts-runs': { isOld: true, runs: true },
    'lait-texts-young': { isOld: false },
    'lait-other-dead': { isOld: true },
  };
  for (const [name, { isOld, ...how }] of Object.entries(folders)) {
    const folder = join(temporary, name);
    mkdirSync(join(folder, 'Default'), { recursive: true });
    writeFileSync(join(folder, 'lait.lock'), '');
    if ('runs' in how) t.after(keepWhileRunning(folder));
    if (isOld) utimesSync(join(folder, 'lait.lock'), 1, 1);
  }
  mkdirSync(join(temporary, 'playwright_chromiumdev_profile-foreign'));
  const { path, remove } = temporaryFolder('read');
  const left = ['lait-other-dead', 'lait-texts-runs', 'lait-texts-young', 'playwright_chromiumdev_profile-foreign'];
  assert.deepEqual(
    readdirSync(temporary).filter((name) => join(temporary, name) !== path),
    left,
  );
  remove();
  assert.deepEqual(readdirSync(temporary), left);
});

test('a user without a name, who may write temporary files and not list them, has folders and locks', {
  skip: process.getuid?.() !== 0 && 'another user can only be taken by root',
}, (t) => {
  const temporary = temporaryFiles(t);
  chmodSync(temporary, 0o1733);
  process.seteuid!(47_110);
  try {
    const { path, remove } = temporaryFolder('read');
    const release = lockFile(join(path, 'file'));
    assert.equal(existsSync(path), true);
    release();
    remove();
    assert.equal(existsSync(path), false);
  } finally {
    process.seteuid!(0);
  }
});
