/** Intersection over union of box `a` of `boxes` and box `b` of `others`; 0 where either is empty. */
export function iou(boxes: Float32Array, a: number, others: Float32Array, b: number): number {
  const at = (from: Float32Array, box: number, side: number) => from[box * 4 + side]!;
  const width = Math.min(at(boxes, a, 2), at(others, b, 2)) - Math.max(at(boxes, a, 0), at(others, b, 0));
  const height = Math.min(at(boxes, a, 3), at(others, b, 3)) - Math.max(at(boxes, a, 1), at(others, b, 1));
  if (!(width > 0 && height > 0)) return 0;
  const area = (from: Float32Array, box: number) =>
    (at(from, box, 2) - at(from, box, 0)) * (at(from, box, 3) - at(from, box, 1));
  return (width * height) / (area(boxes, a) + area(others, b) - width * height);
}
