import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Graph } from '../../../model/runtime/graph.ts';
import { bool, type GraphBody, type Output, type } from '../../../model/runtime/graph-node.ts';
import { markXlaClusters } from '../../../model/runtime/xla-clusters.ts';

const T = type('float32');
const kept = { T, Tidx: type('int32'), keep_dims: bool(true) };
const [rows, columns] = [64, 32];
const large = rows * columns;

/** Runs a graph of x [64, 32] as it is and with clusters; both must agree. Gives the one with clusters. */
function both(build: (graph: Graph, x: Output) => Output[], elements: Record<string, number>): GraphBody {
  const values = Float32Array.from({ length: large }, (_, index) => Math.sin(index) * 2);
  const fed = { x: { shape: [rows, columns], values } };
  let clustered: GraphBody = { nodes: [], functions: [] };
  const results = [false, true].map((rewritten) => {
    const graph = new Graph();
    const outputs = build(graph, graph.placeholder('x', 'float32', [rows, columns]));
    const running = rewritten
      ? graph.start((nodes) => {
          clustered = markXlaClusters(nodes, new Map(Object.entries(elements)));
          return clustered;
        })
      : graph.start();
    try {
      return running.run(fed, outputs);
    } finally {
      running.dispose();
    }
  });
  const [plain = [], rewritten = []] = results;
  plain.forEach(({ shape, values: wanted }, index) => {
    assert.deepEqual(rewritten[index]?.shape, shape);
    wanted.forEach((value, at) => {
      assert.ok(Math.abs(value - rewritten[index]!.values[at]!) < 1e-5, `output ${index}, element ${at}`);
    });
  });
  return clustered;
}

const ops = ({ nodes }: GraphBody) => nodes.map(({ op }) => op).filter((op) => op !== 'Const' && op !== 'Placeholder');

/** A chain with two outputs: e^−x², and that less its mean along the row. */
function chain(graph: Graph, prefix: string, x: Output): Output[] {
  const square = graph.add(`${prefix}square`, 'Square', [x], { T });
  const negative = graph.add(`${prefix}neg`, 'Neg', [square], { T });
  const bell = graph.add(`${prefix}exp`, 'Exp', [negative], { T });
  const axis = graph.integers(`${prefix}axis`, [1]);
  const mean = graph.add(`${prefix}mean`, 'Mean', [bell, axis], kept);
  return [bell, graph.add(`${prefix}sub`, 'Sub', [bell, mean], { T })];
}

const sizes = (prefix: string) => ({
  [`${prefix}square`]: large,
  [`${prefix}neg`]: large,
  [`${prefix}exp`]: large,
  [`${prefix}mean`]: 512,
  [`${prefix}sub`]: large,
});

/** Outputs that the caller asks for are read through a node that stays. */
const out = (graph: Graph, from: readonly Output[]) =>
  from.map((output, index) => graph.add(`out${index}`, 'Identity', [output], { T }));

test('a chain with a row mean becomes one call with what others read as outputs', () => {
  const clustered = both((graph, x) => out(graph, chain(graph, '', x)), sizes(''));
  assert.deepEqual(ops(clustered), ['PartitionedCall', 'Identity', 'Identity']);
  assert.deepEqual(
    clustered.functions.map(({ takes, gives }) => [takes.length, gives.length]),
    [[1, 2]],
  );
});

test('equal chains on both sides of a product are two calls of one function', () => {
  const clustered = both(
    (graph, x) => {
      const [, before] = chain(graph, 'a/', x);
      const product = graph.add('product', 'MatMul', [before as Output, before as Output], {
        T,
        transpose_a: bool(false),
        transpose_b: bool(true),
      });
      const [, after] = chain(graph, 'b/', product);
      return out(graph, [after as Output]);
    },
    { ...sizes('a/'), ...sizes('b/') },
  );
  assert.deepEqual(ops(clustered), ['PartitionedCall', 'MatMul', 'PartitionedCall', 'Identity']);
  assert.equal(clustered.functions.length, 1);
});

test('a node that joins both sides of a product stays out of a circle', () => {
  const clustered = both(
    (graph, x) => {
      const [bell, before] = chain(graph, 'a/', x) as [Output, Output];
      const axes = graph.integers('axes', [0]);
      const total = graph.add('total', 'Sum', [before, axes], { ...kept, keep_dims: bool(false) });
      const sum = graph.add('sum', 'AddV2', [bell, total], { T });
      return out(graph, [graph.add('last', 'Exp', [sum], { T })]);
    },
    { ...sizes('a/'), total: large, sum: large, last: large },
  );
  assert.deepEqual(ops(clustered), ['PartitionedCall', 'Sum', 'PartitionedCall', 'Identity']);
});

for (const [count, calls] of [
  [511, 0],
  [512, 1],
] as const) {
  test(`outputs of ${count} elements make ${calls} calls`, () => {
    const clustered = both(
      (graph, x) => {
        const square = graph.add('square', 'Square', [x], { T });
        return out(graph, [graph.add('neg', 'Neg', [square], { T })]);
      },
      { square: count, neg: count },
    );
    assert.equal(clustered.functions.length, calls);
  });
}

test('one op alone and ops with control inputs stay', () => {
  const clustered = both(
    (graph, x) => {
      const square = graph.add('square', 'Square', [x], { T });
      return out(graph, [graph.add('neg', 'Neg', [square, `^${x}`], { T })]);
    },
    { square: large, neg: large },
  );
  assert.deepEqual(ops(clustered), ['Square', 'Neg', 'Identity']);
});
