/** What a full disk leaves of a file that is to be whole or not there: what was there before, and nothing else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { AtomicFile, appendLine, replaceFile, temporariesOf, writeFileAtomic } from '../../dataset/atomic-file.ts';

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

const module = join(import.meta.dirname, '../../dataset/atomic-file.ts');

/** Runs code with what the module exports in a process whose files may have 512 bytes. */
function ranWithoutRoom(code: string, ...args: string[]) {
  const script = `const { appendLine, writeFileAtomic } = await import(process.argv[1]); ${code}`;
  const command = `ulimit -f 1; exec "$0" --import tsx --input-type=module -e "$@"`;
  return spawnSync('bash', ['-c', command, process.execPath, script, module, ...args], { encoding: 'utf8' });
}

const onUnix = { skip: process.platform === 'win32' };

test('a whole file that finds no room leaves the one before and no temporary one', onUnix, () => {
  const own = mkdtempSync(join(folder, 'whole-'));
  const path = join(own, 'report.html');
  writeFileSync(path, 'before');
  const { stderr, status } = ranWithoutRoom(`writeFileAtomic(process.argv[2], 'x'.repeat(2000));`, path);
  assert.equal(status, 1, stderr);
  assert.match(stderr, /EFBIG/);
  assert.equal(readFileSync(path, 'utf8'), 'before');
  assert.deepEqual(readdirSync(own), ['report.html']);
});

test('two writers of one file write two files, of which the last one stands', onUnix, () => {
  const path = join(mkdtempSync(join(folder, 'two-')), 'report.html');
  replaceFile(path, (temporary) => {
    writeFileSync(temporary, 'first');
    writeFileAtomic(path, 'second');
    assert.equal(readFileSync(temporary, 'utf8'), 'first');
  });
  assert.equal(readFileSync(path, 'utf8'), 'first');
  assert.deepEqual(readdirSync(dirname(path)), ['report.html']);
});

test('what killed writers left is removed by one who comes an hour later, and nothing else', () => {
  const own = mkdtempSync(join(folder, 'left-'));
  const old = (Date.now() - 3_700_000) / 1000;
  const names = ['a.json.lait-0123abcd.tmp', 'b.json.lait-89abcdef.tmp', 'c.lait-0123abcd.tmp', 'd.json.tmp'];
  for (const name of names) writeFileSync(join(own, name), 'half');
  for (const name of names.filter((one) => !one.startsWith('b'))) utimesSync(join(own, name), old, old);
  const leftOf = (name: string) => temporariesOf(join(own, name)).map((path) => basename(path));
  assert.deepEqual([leftOf('a.json'), leftOf('d.json')], [['a.json.lait-0123abcd.tmp'], ['d.json.tmp']]);
  writeFileAtomic(join(own, 'new.json'), '{}');
  assert.deepEqual(readdirSync(own).sort(), ['b.json.lait-89abcdef.tmp', 'd.json.tmp', 'new.json']);
});

test('a line is appended whole or not at all', onUnix, () => {
  const path = join(folder, 'runs.jsonl');
  const before = `${'x'.repeat(999)}\n`;
  writeFileSync(path, before);
  const { stderr, status } = ranWithoutRoom(`appendLine(process.argv[2], 'y'.repeat(100));`, path);
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
