import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'lait-quiet-'));
after(() => rmSync(folder, { recursive: true }));

/** Prints through both streams before and after a load that itself writes to descriptor 2, as TensorFlow does. */
const child = join(folder, 'child.mts');
writeFileSync(
  child,
  `import { writeSync } from 'node:fs';
import { quietly } from ${JSON.stringify(join(root, 'model/runtime/quiet.ts'))};
console.log('out 1');
console.error('error 1');
console.error(quietly(() => (writeSync(2, 'chatter\\n'), 'loaded')));
console.log('out 2');
console.error('error 2');
`,
);

/** Runs the child with its streams where a shell puts them. */
const inShell = (redirections: string): string =>
  execFileSync('sh', ['-c', `"${process.execPath}" --import tsx "${child}" ${redirections}`], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

test('in a pipe the load is silent and what comes before and after it is all there', () => {
  const lines = inShell('2>&1 | cat').trim().split('\n').sort();
  assert.deepEqual(lines, ['error 1', 'error 2', 'loaded', 'out 1', 'out 2']);
});

test('in a file too, and nothing is lost or overwritten', () => {
  const file = join(folder, 'both.txt');
  inShell(`> "${file}" 2>&1`);
  assert.equal(readFileSync(file, 'utf8'), 'out 1\nerror 1\nloaded\nout 2\nerror 2\n');
});

test('what another program writes to the same file afterwards comes after it', () => {
  const file = join(folder, 'errors.txt');
  const child2 = `"${process.execPath}" --import tsx "${child}"`;
  execFileSync('sh', ['-c', `{ ${child2}; ${child2}; } 2> "${file}" > /dev/null`], { cwd: root });
  assert.equal(readFileSync(file, 'utf8'), 'error 1\nloaded\nerror 2\n'.repeat(2));
});
