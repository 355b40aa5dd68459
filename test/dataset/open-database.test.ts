/** What keeps SQLite from a file is told in the system's words: no room for another file, no file descriptor left, a disk that is read only. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const mayMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt']).status === 0;

test('a database that cannot be opened says why', {
  skip: mayMount ? false : 'this user may not mount a memory disk',
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-open-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['small', 'read-only']) mkdirSync(join(folder, name));
  // The folder itself and one file; Node takes as many descriptors as it may.
  const code = `
    import { openSync } from 'node:fs';
    import { lockPart } from ${JSON.stringify(join(root, 'dataset/corpus-lock.ts'))};
    import { Ledger } from ${JSON.stringify(join(root, 'dataset/ledger/ledger.ts'))};
    const codeOf = (open) => { try { open(); return 'opened'; } catch ({ code, path = null }) { return [code, path]; } };
    const small = ${JSON.stringify(join(folder, 'small'))};
    const found = [codeOf(() => Ledger.open(small)), codeOf(() => lockPart(${JSON.stringify(join(folder, 'read-only'))}, 'crawl'))];
    try { for (;;) openSync('/dev/null', 'r'); } catch {}
    found.push(codeOf(() => Ledger.open(small)));
    console.log(JSON.stringify(found));`;
  const script = `cd '${folder}' && mount -t tmpfs -o nr_inodes=2 tmpfs small && : > small/only && mount -t tmpfs -o ro tmpfs read-only && ulimit -n 64 &&
    cd '${root}' && '${process.execPath}' --import tsx --input-type=module -e "$CODE"`;
  const { stdout, stderr } = spawnSync('unshare', ['-rm', 'bash', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, CODE: code },
  });
  assert.deepEqual(stdout === '' ? stderr : JSON.parse(stdout), [
    ['ENOSPC', null],
    ['EROFS', join(folder, 'read-only/locks')],
    ['EMFILE', '/dev/null'],
  ]);
});
