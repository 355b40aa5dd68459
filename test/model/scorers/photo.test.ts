import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { ensurePretrained } from '../../../model/formats/pretrained.ts';
import { writeSafetensors } from '../../../model/formats/safetensors.ts';
import { efficientNetFeatures } from '../../../model/scorers/image-features.ts';
import { classProbabilities, photoScorer, pictureClasses } from '../../../model/scorers/photo.ts';

const features = efficientNetFeatures(await ensurePretrained('efficientnet-lite2'));
const folder = mkdtempSync(join(tmpdir(), 'lait-photo-'));
after(() => {
  features.dispose();
  rmSync(folder, { recursive: true });
});

const emoji = (name: string) =>
  readFileSync(
    join(dirname(createRequire(import.meta.url).resolve('openmoji/package.json')), 'color/svg', `${name}.svg`),
  );
const drawn = (svg: string | Buffer) =>
  sharp(Buffer.from(svg), { density: 400 }).resize(500).flatten({ background: '#fff' }).png().toBuffer();
const text = (y: number, words: string) =>
  `<text x="30" y="${y}" font-size="22" font-family="sans-serif">${words}</text>`;

describe('photoScorer', () => {
  it('tells a photograph from a drawing, a chart and a slide', async () => {
    const scorer = photoScorer(features);
    const pictures: [string, Buffer, boolean][] = [
      ['photograph', readFileSync(fileURLToPath(new URL('./photograph.jpg', import.meta.url))), true],
      ['emoji of a dog', await drawn(emoji('1F436')), false],
      [
        'bar chart',
        await drawn(
          `<svg xmlns="http://www.w3.org/2000/svg" width="500" height="400"><path d="M50 20v330h430" stroke="#000" fill="none"/>
           <rect x="80" y="200" width="60" height="150" fill="#38c"/><rect x="180" y="90" width="60" height="260" fill="#c63"/>
           <rect x="280" y="260" width="60" height="90" fill="#3a5"/>${text(385, 'Yield by year, in tonnes')}</svg>`,
        ),
        false,
      ],
      [
        'slide',
        await drawn(
          `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><rect width="640" height="480" fill="#fff"/>
           ${text(60, 'What the survey found')}${text(140, '• Most people walk to work')}${text(190, '• Few own two bicycles')}
           ${text(240, '• Nobody likes the bus at eight')}</svg>`,
        ),
        false,
      ],
    ];
    const scores = await scorer.score(pictures.map(([, bytes]) => bytes));
    assert.deepEqual(
      pictures.map(([name], at) => [name, scores[at]! >= 0.5]),
      pictures.map(([name, , isPhoto]) => [name, isPhoto]),
    );
    assert.match(scorer.model, /^photo-[0-9a-f]{12}$/);
  });

  it('has no score for what does not decode', async () => {
    assert.deepEqual(await photoScorer(features).score([Buffer.from('no picture')]), [null]);
    assert.deepEqual(await photoScorer(features).score([]), []);
  });

  it('refuses a head over other features or classes', () => {
    const path = join(folder, 'head.safetensors');
    const tensors = new Map([
      ['weight', { shape: [5, 2], values: new Float32Array(10) }],
      ['bias', { shape: [5], values: new Float32Array(5) }],
    ]);
    const refused = /^Expected a photo head over efficientnet-lite2-256 for .* but received one over .*; learn it anew/;
    writeSafetensors(path, tensors, { features: 'resnet', classes: pictureClasses.join() });
    assert.throws(() => photoScorer(features, path), { name: 'UserError', message: refused });
    writeSafetensors(path, tensors, { features: features.name, classes: 'cat,dog' });
    assert.throws(() => photoScorer(features, path), { name: 'UserError', message: refused });
  });
});

it('an image in one buffer goes through the network once', async () => {
  const one = await drawn(emoji('1F436'));
  const [first, again] = await features.of([one, one]);
  assert.equal(first, again);
  assert.equal((await features.of([one]))[0], first);
  const [copy] = await features.of([Buffer.from(one)]);
  assert.notEqual(copy, first);
  assert.ok(copy!.every((value, at) => Math.abs(value - first![at]!) < 1e-4));
});

it('class probabilities are the softmax of the logits', () => {
  const head = { weight: Float32Array.of(1, 0, 0, 1), bias: Float32Array.of(0, Math.log(3)) };
  // Logits 1000 and 1000 + ln 3: one to three, and no overflow.
  const [first, second] = classProbabilities(head, Float32Array.of(1000, 1000));
  assert.ok(Math.abs(first! - 0.25) < 1e-4 && Math.abs(second! - 0.75) < 1e-4);
});
