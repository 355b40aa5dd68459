import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { calibrate, chanceOf } from '../../../model/scorers/calibration.ts';

test('the curve that made the scores is found again', () => {
  const draw = random(5);
  const [right, wrong]: [number[], number[]] = [[], []];
  for (let drawn = 0; drawn < 40_000; drawn++) {
    const score = 2 * draw.next() - 1;
    (draw.next() < chanceOf({ slope: 4, bias: 0 }, score) ? right : wrong).push(score);
  }
  const { slope, bias } = calibrate({ right, wrong });
  assert.ok(Math.abs(slope - 4) < 0.2 && Math.abs(bias) < 0.1, `${slope} ${bias}`);
});

test('as many right as wrong ones are assumed, however many were seen', () => {
  const once = calibrate({ right: [0, 1, 2], wrong: [-1, 0, 1] });
  const often = calibrate({ right: [0, 1, 2], wrong: [-1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1] });
  assert.ok(Math.abs(chanceOf(once, 0.5) - 0.5) < 1e-6);
  assert.ok(Math.abs(chanceOf(often, 0.5) - 0.5) < 0.1);
});

test('scores that never overlap give a finite curve', () => {
  const { slope, bias } = calibrate({ right: [0.5, 0.6, 0.7], wrong: [0.1, 0.2] });
  assert.ok(Number.isFinite(slope) && Number.isFinite(bias));
  assert.ok(chanceOf({ slope, bias }, 0.7) > 0.6 && chanceOf({ slope, bias }, 0.1) < 0.4);
});
