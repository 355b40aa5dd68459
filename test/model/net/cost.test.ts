import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presets } from '../../../model/net/config.ts';
import { modelCost } from '../../../model/net/cost.ts';
import { paperObjectives } from '../../../model/net/objective.ts';

test('base has the layers of BERT-base and the length of the paper', () => {
  const cost = modelCost({ ...presets.base, vocabularySize: 30522, featureSize: 2048, classes: 1600 }, paperObjectives);
  assert.equal(cost.encoderParameters, 85_054_464);
  assert.equal(cost.tokens, 144);
  assert.equal(cost.sequences, 2);
});

test('an objective that is off costs nothing', () => {
  const config = { ...presets.tiny, vocabularySize: 1000, featureSize: 8, classes: 5 };
  const all = modelCost(config, paperObjectives);
  const one = modelCost(config, { ...paperObjectives, itm: 0, moc: 0, mrfr: 0 });
  assert.equal(one.sequences, 1);
  assert.ok(one.trainingFlops < 0.6 * all.trainingFlops);
  assert.equal(all.stateBytes, 16 * all.parameters);
  assert.equal(
    modelCost(config, paperObjectives, { ema: 0.9999 }).stateBytes,
    20 * all.parameters,
    'averages are one more',
  );
});

test('reading [CLS] alone spares nearly a layer, and two halves of a pair are no more than one sequence', () => {
  const config = { ...presets.base, vocabularySize: 1000, featureSize: 8, classes: 5 };
  const { forwardFlops, firstFlops } = modelCost(config, paperObjectives);
  const layer = 2 * 144 * 12 * 768 ** 2 + 4 * 144 ** 2 * 768;
  assert.equal(forwardFlops, 12 * layer + 2 * 100 * 768 * 13);
  // Keys and values of 144 tokens, everything else of one.
  assert.equal(forwardFlops - firstFlops, (143 / 144) * (layer - 4 * 144 * 768 ** 2));
  const contrast = { mlm: 0, moc: 0, mrfr: 0, itm: 0, itc: 1 };
  const { trainingFlops } = modelCost(config, contrast);
  assert.ok(trainingFlops > 3 * firstFlops && trainingFlops < 3 * forwardFlops);
});
