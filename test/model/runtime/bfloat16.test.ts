import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bfloat16Adder, float32Adder } from '../../../model/runtime/bfloat16.ts';
import { Graph } from '../../../model/runtime/graph.ts';
import { type GraphNode, type } from '../../../model/runtime/graph-node.ts';

const T = { T: type('float32') };
const product = { op: 'BatchMatMulV2', attr: T };

/** Adds nodes; gives name, op and inputs of all that is there afterwards, and what the last one gave. */
function written(nodes: (GraphNode & { outputs?: number })[], precision: 'bf16' | 'f32') {
  const graph = new Graph();
  for (const name of ['x', 'w', 'where']) graph.placeholder(name, 'float32', [2, 2]);
  const add = (precision === 'bf16' ? bfloat16Adder : float32Adder)(graph, new Map());
  let last: string[] = [];
  for (const { outputs = 1, ...node } of nodes) last = add(node, outputs, 4);
  const all = graph.nodes().slice(3);
  return { last, nodes: all.map(({ name, op, input }) => `${name} = ${op}(${input})`) };
}

test('in float32 a node is itself', () => {
  const { nodes, last } = written([{ name: 'p', ...product, input: ['x', 'w'] }], 'f32');
  assert.deepEqual([nodes, last], [['p = BatchMatMulV2(x,w)'], ['p']]);
});

test('a product takes rounded operands, each rounded once, and gives float32', () => {
  const { nodes } = written(
    [
      { name: 'p', ...product, input: ['x', 'w'] },
      { name: 'q', ...product, input: ['x', 'x'] },
    ],
    'bf16',
  );
  assert.deepEqual(nodes, [
    'x/half = Cast(x)',
    'w/half = Cast(w)',
    'p/half = BatchMatMulV2(x/half,w/half)',
    'p = Cast(p/half)',
    'q/half = BatchMatMulV2(x/half,x/half)',
    'q = Cast(q/half)',
  ]);
});

test('what is moved from product to product stays rounded, port by port', () => {
  const { nodes } = written(
    [
      { name: 'p', ...product, input: ['x', 'w'] },
      { name: 't', op: 'Transpose', attr: T, input: ['p', 'where'] },
      { name: 'u', op: 'Unpack', attr: T, input: ['t'], outputs: 2 },
      { name: 'q', ...product, input: ['u', 'u/port1'] },
    ],
    'bf16',
  );
  assert.deepEqual(nodes.slice(4), [
    't/half = Transpose(p/half,where)',
    't = Cast(t/half)',
    'u/half = Unpack(t/half)',
    'u = Cast(u/half)',
    'u/port1 = Cast(u/half:1)',
    'q/half = BatchMatMulV2(u/half,u/half:1)',
    'q = Cast(q/half)',
  ]);
});

test('what is moved to a product is rounded before it is moved', () => {
  const { nodes, last } = written(
    [
      { name: 'a', op: 'Add', attr: T, input: ['x', 'w'] },
      { name: 'r', op: 'Reshape', attr: T, input: ['a', 'where'] },
      { name: 'u', op: 'Unpack', attr: T, input: ['r'], outputs: 2 },
      { name: 'q', ...product, input: ['u', 'u:1'] },
    ],
    'bf16',
  );
  assert.deepEqual(nodes, [
    'a = Add(x,w)',
    'r = Reshape(a,where)',
    'u = Unpack(r)',
    'a/half = Cast(a)',
    'r/half = Reshape(a/half,where)',
    'u/half = Unpack(r/half)',
    'q/half = BatchMatMulV2(u/half,u/half:1)',
    'q = Cast(q/half)',
  ]);
  assert.deepEqual(last, ['q']);
});

test('what a product has rounded is not rounded for others that move it', () => {
  const { nodes, last } = written(
    [
      { name: 'p', ...product, input: ['x', 'w'] },
      { name: 'r', op: 'Reshape', attr: T, input: ['x', 'where'] },
    ],
    'bf16',
  );
  assert.deepEqual([nodes.at(-1), last], ['r = Reshape(x,where)', ['r']]);
});

test('whole numbers are moved as they are', () => {
  const { nodes } = written([{ name: 't', op: 'Reshape', attr: { T: type('int32') }, input: ['x', 'where'] }], 'bf16');
  assert.deepEqual(nodes, ['t = Reshape(x,where)']);
});
