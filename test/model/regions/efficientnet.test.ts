import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { ensurePretrained } from '../../../model/formats/pretrained.ts';
import { readTorchWeights } from '../../../model/formats/torch-weights.ts';
import { addEfficientNet, addImageNetClasses } from '../../../model/regions/efficientnet.ts';
import { decodePixels } from '../../../model/regions/pixels.ts';
import { Graph } from '../../../model/runtime/graph.ts';

const path = await ensurePretrained('efficientnet-lite2');

/** ImageNet's 919 is "street sign". */
const streetSign = 919;

test('a stop sign is a street sign', async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><rect width="600" height="400" fill="#9aa7b0"/>
    <rect x="292" y="230" width="16" height="170" fill="#777"/>
    <polygon points="258,60 342,60 400,118 400,202 342,260 258,260 200,202 200,118" fill="#c1121f" stroke="#fff" stroke-width="8"/>
    <path d="M252 142h-26v19h26v20h-28M264 142h34M281 142v40M308 142h26v39h-26zM348 186v-44h24v22h-24" stroke="#fff" stroke-width="9"
    fill="none"/></svg>`;
  const image = await decodePixels(await sharp(Buffer.from(svg)).png().toBuffer(), 256);
  const state = readTorchWeights(path);
  const run = (precision: 'f32' | 'bf16') => {
    const graph = new Graph();
    const pixels = graph.placeholder('pixels', 'float32', [-1, 256, 256, 3]);
    const map = addEfficientNet(graph, state, pixels, { precision });
    const classes = addImageNetClasses(graph, state, map);
    const running = graph.start();
    const results = running.run({ pixels: { shape: [1, 256, 256, 3], values: image! } }, [map, classes]);
    running.dispose();
    return results;
  };
  const [features, logits] = run('f32');
  assert.deepEqual(features?.shape, [1, 8, 8, 1280]);
  assert.equal(cosine(features!.values, run('bf16')[0]!.values) > 0.98, true);
  const best = [...logits!.values.keys()].sort((a, b) => logits!.values[b]! - logits!.values[a]!);
  assert.equal(best.slice(0, 3).includes(streetSign), true, `${best.slice(0, 5)}`);
});

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) => Array.from(x).reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
