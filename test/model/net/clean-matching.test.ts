import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { type BatchSetup, trainingBatch } from '../../../model/data/batch.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import type { Arrays } from '../../../model/runtime/traced-function.ts';
import { pretrainLoss } from '../../../model/train/pretrain.ts';
import { validateFunction } from '../../../model/train/step.ts';
import { batchSetup, config, smallExamples, special } from '../small-model.ts';

const contrast = { pooling: 'mean', shortcut: true } as const;
const own = { ...config, contrast };
const setup: BatchSetup = { ...batchSetup, config: own };
const examples = smallExamples(10);
const shape = { pairs: 10, pieces: config.maxPieces, regions: config.maxRegions };
const batch = (more: Partial<BatchSetup> = {}, seed = 1): Arrays =>
  trainingBatch(examples, shape, { ...setup, ...more }, random(seed));

const parameters = parameterSpecs(own, { itc: true });
const running = openExecutable({ parameters, functions: { losses: validateFunction(pretrainLoss(setup)) } });
const draw = random(5);
running.load(
  new Map(
    // Shortcuts start at 0; they are to say something here.
    [...startValues(parameters, 3)].map(([name, values]) => [
      name,
      name.includes('shortcut') ? values.map(() => draw.normal()) : values,
    ]),
  ),
);
after(() => running.dispose());
const losses = (arrays: Arrays) => running.run('losses', arrays);
const loss = (arrays: Arrays, name: string): number => losses(arrays)[name]![0]!;

const masked = ['mlm', 'moc', 'mrfr'] as const;

for (const hardNegatives of [false, true]) {
  const negatives = hardNegatives ? 'hard' : 'random';
  test(`with clean matching the masked objectives read what they read without, ${negatives} negatives`, () => {
    const [together, apart] = [batch({ hardNegatives }), batch({ hardNegatives, cleanMatching: true })];
    for (const name of masked) {
      assert.ok(Math.abs(loss(apart, name) - loss(together, name)) < 1e-5, name);
    }
    // Contrast and matching have other inputs now.
    for (const name of ['itc', 'itm']) assert.notEqual(loss(apart, name), loss(together, name), name);
    for (const { pieces } of examples) assert.ok(!pieces.includes(special.maskId));
    assert.ok(!(apart.pieces!.values as Int32Array).includes(special.maskId), 'nothing is hidden');
  });
}

test('with clean matching hidden words reach the masked objectives through nothing but the answers', () => {
  const arrays = batch({ cleanMatching: true });
  const W = shape.pieces + 1;
  const changed: Arrays = { ...arrays };
  const pieces = (arrays.pieces!.values as Int32Array).slice();
  (arrays.hiddenPieces!.values as Int32Array).forEach((piece, at) => {
    if (piece === special.maskId) pieces[at] = 59;
  });
  assert.ok(pieces.some((piece, at) => piece !== arrays.pieces!.values[at]));
  changed.pieces = { shape: [shape.pairs, W], values: pieces };
  for (const name of masked) assert.equal(loss(changed, name), loss(arrays, name), name);
  for (const name of ['itc', 'itm']) assert.notEqual(loss(changed, name), loss(arrays, name), name);
});

test('without masked objectives nothing is hidden, with clean matching or without', () => {
  const objectives = { mlm: 0, moc: 0, mrfr: 0, itm: 1, itc: 1 };
  assert.deepEqual(batch({ objectives, cleanMatching: true }), batch({ objectives }));
});
