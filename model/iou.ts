/**
 * Intersection over union of box `a` of `boxes` and box `b` of `others`; 0 where either is empty. Without functions inside: it is asked
 * hundreds of times a sample.
 */
export function iou(boxes: Float32Array, a: number, others: Float32Array, b: number): number {
  const [own, other] = [4 * a, 4 * b];
  const width = Math.min(boxes[own + 2]!, others[other + 2]!) - Math.max(boxes[own]!, others[other]!);
  const height = Math.min(boxes[own + 3]!, others[other + 3]!) - Math.max(boxes[own + 1]!, others[other + 1]!);
  if (!(width > 0 && height > 0)) return 0;
  const ownArea = (boxes[own + 2]! - boxes[own]!) * (boxes[own + 3]! - boxes[own + 1]!);
  const otherArea = (others[other + 2]! - others[other]!) * (others[other + 3]! - others[other + 1]!);
  return (width * height) / (ownArea + otherArea - width * height);
}
