import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presets } from '../../model/config.ts';
import { modelCost } from '../../model/cost.ts';
import { paperObjectives } from '../../model/objective.ts';

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
});
