/** Greedy non-maximum suppression: of boxes that overlap, the most confident stays. */

import { iou } from '../iou.ts';

/**
 * The numbers of the boxes that stay, in order. `boxes` [R, 4] come most confident first; empty ones go, and those that
 * overlap one that stays by more than `maxOverlap`.
 */
export function suppressOverlaps(boxes: Float32Array, maxOverlap: number): number[] {
  const kept: number[] = [];
  for (let box = 0; box < boxes.length / 4; box++) {
    if (iou(boxes, box, boxes, box) === 0) continue;
    if (kept.every((other) => iou(boxes, box, boxes, other) <= maxOverlap)) kept.push(box);
  }
  return kept;
}
