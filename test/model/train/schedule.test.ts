import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learningRate, type Schedule } from '../../../model/train/schedule.ts';

const rates = (decay: Schedule['decay']) =>
  Array.from({ length: 12 }, (_, step) => learningRate(step, { peak: 8, warmupSteps: 4, totalSteps: 12, decay }));

test('the rate rises in a line, then falls in a line or by half a cosine, and is above 0 at the last step', () => {
  assert.deepEqual(rates('linear'), [2, 4, 6, 8, 8, 7, 6, 5, 4, 3, 2, 1]);
  const cosine = rates('cosine');
  assert.deepEqual(cosine.slice(0, 4), [2, 4, 6, 8]);
  // torch.optim.lr_scheduler.CosineAnnealingLR(T_max=8) from 8.
  const torch = [8, 7.695518, 6.828427, 5.530734, 4, 2.469266, 1.171573, 0.304482];
  cosine.slice(4).forEach((rate, index) => {
    assert.ok(Math.abs(rate - torch[index]!) < 1e-5, `${rate} for ${torch[index]}`);
  });
});
