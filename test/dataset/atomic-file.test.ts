/** What a full disk leaves of a file that is to be whole or not there: what was there before, and nothing else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AtomicFile, appendLine, writeFileAtomic } from '../../dataset/atomic-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-atomic-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const onLinux = { skip: process.platform === 'linux' ? false : '/dev/full and /proc are Linux’' };
const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** A path whose temporary file has no room. */
function fullAt(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, 'before');
  symlinkSync('/dev/full', `${path}.tmp`);
  return path;
}

test('a file that finds no room leaves the one before, no temporary one and no open file', onLinux, () => {
  const ways: Readonly<Record<string, (path: string) => void>> = {
    whole: (path) => void writeFileAtomic(path, 'after'),
    pieces: (path) => new AtomicFile(path).write([Buffer.from('after')]),
    'no pieces': (path) => void new AtomicFile(path).commit(),
  };
  for (const [name, write] of Object.entries(ways)) {
    const path = fullAt(name);
    const before = openFiles();
    // Of no pieces nothing is written: it is syncing that this device refuses.
    assert.throws(() => write(path), { code: name === 'no pieces' ? 'EINVAL' : 'ENOSPC' }, name);
    assert.equal(openFiles(), before, name);
    assert.equal(readFileSync(path, 'utf8'), 'before', name);
    assert.equal(existsSync(`${path}.tmp`), false, name);
  }
});

test('a line is appended whole or not at all', { skip: process.platform === 'win32' }, () => {
  const path = join(folder, 'runs.jsonl');
  const before = `${'x'.repeat(999)}\n`;
  writeFileSync(path, before);
  const code = `const { appendLine } = await import(process.argv[1]); appendLine(process.argv[2], 'y'.repeat(100));`;
  const module = join(import.meta.dirname, '../../dataset/atomic-file.ts');
  const command = `ulimit -f 1; '${process.execPath}' --import tsx --input-type=module -e "${code}" '${module}' '${path}'`;
  const { stderr, status } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /EFBIG/);
  assert.equal(readFileSync(path, 'utf8'), before);
});

test('a line that was cut by a kill is not joined to the next one', () => {
  const path = join(folder, 'cut.jsonl');
  writeFileSync(path, '{"a":1}\n{"b"');
  appendLine(path, '{"c":3}');
  appendLine(path, '{"d":4}');
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"b"\n{"c":3}\n{"d":4}\n');
});
