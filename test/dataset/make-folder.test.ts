/** Folders are made by one function, which ends where Node's own tries for ever. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder } from '../../dataset/make-folder.ts';

test('makes what is missing, once and again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-make-folder-'));
  try {
    makeFolder(join(folder, 'a', 'b'));
    makeFolder(join(folder, 'a', 'b'));
    assert.ok(statSync(join(folder, 'a', 'b')).isDirectory());
    writeFileSync(join(folder, 'file'), '');
    assert.throws(() => makeFolder(join(folder, 'file', 'b')), /ENOTDIR/);
    assert.throws(() => makeFolder('/proc/lait/b'), /ENOENT/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('nothing below cli makes folders in another way', () => {
  const others = ['dataset', 'model', 'crawler', 'filters'].flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(room, name))
      .filter((path) => /\bmkdirSync\([^\n]*recursive/.test(readFileSync(path, 'utf8'))),
  );
  assert.deepEqual(others, []);
});
