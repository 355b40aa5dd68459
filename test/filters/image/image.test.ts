import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredSample } from '../../../dataset/judgements.ts';
import type { Filter } from '../../../filters/filter.ts';
import { imageAnimation } from '../../../filters/image/animation.ts';
import { imageArea } from '../../../filters/image/area.ts';
import { imageAspect } from '../../../filters/image/aspect.ts';
import { imageBytes } from '../../../filters/image/bytes.ts';
import { imageFormat } from '../../../filters/image/format.ts';
import { imageSize } from '../../../filters/image/size.ts';
import { outcome, sample } from '../sample.ts';

const cases: [Filter<StoredSample>, [Partial<StoredSample>, string][]][] = [
  [
    imageSize(),
    [
      [{ width: 301, height: 301 }, 'keep'],
      [{ width: 300, height: 301 }, 'too-small'],
      [{ width: 301, height: 300 }, 'too-small'],
    ],
  ],
  [
    imageAspect(),
    [
      [{ width: 1200, height: 400 }, 'keep'],
      [{ width: 1201, height: 400 }, 'too-wide'],
      [{ width: 400, height: 1200 }, 'keep'],
      [{ width: 400, height: 1201 }, 'too-tall'],
    ],
  ],
  [
    imageFormat(),
    [
      [{ format: 'jpg' }, 'keep'],
      [{ format: 'jpeg' }, 'keep'],
      [{ format: 'png' }, 'keep'],
      [{ format: 'webp' }, 'keep'],
      [{ format: 'gif' }, 'is-gif'],
      [{ format: 'svg' }, 'is-svg'],
    ],
  ],
  [
    imageAnimation(),
    [
      [{ frames: 1 }, 'keep'],
      [{ frames: 2 }, 'animated'],
    ],
  ],
  [
    imageBytes(),
    [
      [{ byteLength: 5000 }, 'keep'],
      [{ byteLength: 4999 }, 'too-few-bytes'],
    ],
  ],
  [
    imageArea(),
    [
      [{ width: 9459, height: 9459 }, 'keep'],
      [{ width: 9460, height: 9460 }, 'too-large'],
    ],
  ],
];

for (const [rule, rows] of cases) {
  describe(rule.name, () => {
    for (const [changes, expected] of rows) {
      it(`${JSON.stringify(changes)} → ${expected}`, async () => {
        assert.equal(await outcome(rule, sample(changes)), expected);
      });
    }
  });
}
