import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Graph } from '../../../model/runtime/graph.ts';
import { type } from '../../../model/runtime/graph-node.ts';

test('a graph runs with any batch and leaves no folder', (t) => {
  // Of its own: other tests make graphs meanwhile.
  const usual = process.env.TMPDIR;
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'lait-own-'));
  t.after(() => {
    rmSync(tmpdir(), { recursive: true });
    if (usual === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = usual;
  });
  const graph = new Graph();
  const x = graph.placeholder('x', 'float32', [-1, 2]);
  const y = graph.add('y', 'AddV2', [x, graph.constant('c', Float32Array.of(10, 20), [2])], { T: type('float32') });
  graph.add('top', 'TopKV2', [y, graph.integer('k', 1)], { T: type('float32') });
  const running = graph.start();
  assert.deepEqual(readdirSync(tmpdir()), []);
  const run = (rows: number[]) =>
    running.run({ x: { shape: [rows.length / 2, 2], values: Float32Array.from(rows) } }, ['y', 'top:1']);
  assert.deepEqual(run([1, 2]), [
    { shape: [1, 2], values: Float32Array.of(11, 22) },
    { shape: [1, 1], values: Int32Array.of(1) },
  ]);
  assert.deepEqual(run([50, 2, 1, 2])[1], { shape: [2, 1], values: Int32Array.of(0, 1) });
  assert.throws(() => running.run({ x: { shape: [1, 3], values: Float32Array.of(1, 2, 3) } }, ['y']));
  running.dispose();
});

test('a name is given once', () => {
  const graph = new Graph();
  graph.scalar('a', 1);
  assert.throws(() => graph.scalar('a', 2), /has a node a already/);
  assert.equal(graph.has('a'), true);
});
