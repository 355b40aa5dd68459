import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addRoiPool, boxOwners } from '../../../model/regions/roi-pool.ts';
import { Graph } from '../../../model/runtime/graph.ts';

/** Channel 0 is where the cell's centre lies across, channel 1 down: a box's feature is then the centre of the box. */
function places(side: number, images: number): Float32Array {
  const at = (index: number) => (index + 0.5) / side;
  return Float32Array.from({ length: images * side * side * 2 }, (_, index) => {
    const cell = Math.floor(index / 2) % (side * side);
    const image = Math.floor(index / (side * side * 2));
    return image + (index % 2 === 0 ? at(cell % side) : at(Math.floor(cell / side)));
  });
}

test('a box is pooled where it lies, on every map and of its own image', () => {
  const boxes = [
    [0.25, 0.25, 0.75, 0.5],
    [0.4, 0.2, 0.8, 0.6],
    [0.1, 0.6, 0.3, 0.9],
    [0, 0, 1, 1],
  ];
  const graph = new Graph();
  const maps = [8, 4].map((side) => {
    const output = graph.placeholder(`map${side}`, 'float32', [-1, side, side, 2]);
    return { output, side, channels: 2 };
  });
  graph.placeholder('boxes', 'float32', [-1, 2, 4]);
  const features = addRoiPool(graph, 'boxes', 2, maps);
  const running = graph.start();
  const [pooled] = running.run(
    {
      map8: { shape: [2, 8, 8, 2], values: places(8, 2) },
      map4: { shape: [2, 4, 4, 2], values: places(4, 2) },
      boxes: { shape: [2, 2, 4], values: Float32Array.from(boxes.flat()) },
      [boxOwners]: { shape: [6], values: Int32Array.of(0, 0, 0, 1, 1, 1) },
    },
    [features],
  );
  running.dispose();
  assert.deepEqual(pooled?.shape, [6, 4]);
  const whole = [0, 0, 1, 1];
  const expected = [whole, ...boxes.slice(0, 2), whole, ...boxes.slice(2)].flatMap(([x1, y1, x2, y2], row) => {
    const image = row < 3 ? 0 : 1;
    const center = [image + (x1! + x2!) / 2, image + (y1! + y2!) / 2];
    return [...center, ...center];
  });
  for (const [index, value] of expected.entries()) {
    assert.equal(Math.abs(value - pooled!.values[index]!) < 1e-5, true, `${index}: ${value} ${pooled!.values[index]}`);
  }
});
