import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paperRows } from '../../../model/retrieval/paper-results.ts';

const protocols: [images: number, folds: number, data: string | undefined][] = [
  [1000, 1, 'Flickr30k 1k'],
  [5000, 1, 'COCO 5k'],
  [5000, 5, 'COCO 1k'],
  [999, 1, undefined],
  [1000, 5, undefined],
];
for (const [images, folds, data] of protocols) {
  test(`${images} images in ${folds} folds stand beside ${data ?? 'no published row'}`, () => {
    const rows = paperRows({ images, folds });
    assert.deepEqual(
      rows.map((row) => [row.data, row.training]),
      data === undefined ? [] : [[data, 'zero-shot'], [data, 'fine-tuned']], // biome-ignore format: one line
    );
    for (const { imageRetrieval: { r1, r5, r10 } } of rows) assert.ok(r1 < r5 && r5 < r10 && r10 <= 1); // biome-ignore format: one line
  });
}
