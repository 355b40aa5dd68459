import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredSample } from '../../../dataset/ledger/stored-sample.ts';
import type { Filter } from '../../../filters/filter.ts';
import { imageAnimation } from '../../../filters/image/animation.ts';
import { imageArea } from '../../../filters/image/area.ts';
import { imageAspect } from '../../../filters/image/aspect.ts';
import { imageBytes } from '../../../filters/image/bytes.ts';
import { imageDominant } from '../../../filters/image/dominant.ts';
import { imageFormat } from '../../../filters/image/format.ts';
import { imageSize } from '../../../filters/image/size.ts';
import { imageUrlWords } from '../../../filters/image/url-words.ts';
import { outcome, sample } from '../sample.ts';

const address = (path: string): Partial<StoredSample> => ({ imageUrl: `http://site.test/${path}` });

const cases: [Filter<StoredSample>, [Partial<StoredSample>, string][]][] = [
  [
    imageUrlWords(),
    [
      [{}, 'keep'],
      [address('iconic/essex.jpg'), 'keep'],
      [address('logotype/plugins-made/widgetry.jpg'), 'says-plugin'],
      [{ imageUrl: 'http://logo.test/boat.jpg' }, 'keep'],
      [address('icons/boat.jpg'), 'says-icon'],
      [address('site_logo2.png'), 'says-logo'],
      [address('a%20Button.png'), 'says-button'],
      [address('a-%62utton.png'), 'says-button'],
      [address('a-%62utton-%2eé.png'), 'says-button'],
      [address('%ff-widget.png'), 'says-widget'],
      [address('boat.jpg?from=PLUGIN'), 'says-plugin'],
      [address('porn/1.jpg'), 'says-porn'],
      [address('1.jpg?tag=xxx'), 'says-xxx'],
      [address('a-sex-1.jpg'), 'says-sex'],
    ],
  ],
  [
    imageDominant(),
    [
      [{}, 'keep'],
      [{ dominance: { class: 'subject', score: 0.35 } }, 'keep'],
      [{ dominance: { class: 'teaser', score: 0.349 } }, 'teaser'],
      [{ dominance: { class: 'furniture', score: 0 } }, 'furniture'],
    ],
  ],
  [
    imageDominant({ minScore: 0.9 }),
    [
      [{ dominance: { class: 'subject', score: 0.9 } }, 'keep'],
      [{ dominance: { class: 'subject', score: 0.899 } }, 'unsure-subject'],
    ],
  ],
  [imageDominant({ minScore: 0 }), [[{ dominance: { class: 'furniture', score: 0 } }, 'keep']]],
  [
    imageSize(),
    [
      [{ width: 301, height: 301 }, 'keep'],
      [{ width: 300, height: 301 }, 'too-small'],
      [{ width: 301, height: 300 }, 'too-small'],
      [{ width: 1, height: 1 }, 'too-small'],
      [{ width: 30_000, height: 301 }, 'keep'],
    ],
  ],
  [
    imageSize({ minSidePx: 150, maxSidePx: 20_000 }),
    [
      [{ width: 20_000, height: 150 }, 'keep'],
      [{ width: 20_001, height: 150 }, 'too-large'],
      [{ width: 20_000, height: 149 }, 'too-small'],
    ],
  ],
  [
    imageUrlWords({ anywhere: true }),
    [
      [address('boat.jpg'), 'keep'],
      [address('iconic/boat.jpg'), 'says-icon'],
      [address('essex.jpg'), 'says-sex'],
      [address('ICON.jpg'), 'keep'], // OBELICS compares as it is written
      [{ imageUrl: 'http://logo.test/boat.jpg' }, 'says-logo'],
    ],
  ],
  [
    imageAspect(),
    [
      [{ width: 1200, height: 400 }, 'keep'],
      [{ width: 1201, height: 400 }, 'too-wide'],
      [{ width: 30_000, height: 9999 }, 'too-wide'],
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
      [{ format: 'avif' }, 'is-avif'],
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
