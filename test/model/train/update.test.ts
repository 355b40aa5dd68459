import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { trainingBatch } from '../../../model/data/batch.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { elementCount, type FedArray } from '../../../model/runtime/array.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { adamW, gradientSums, ratesAt } from '../../../model/runtime/optimizer.ts';
import { learns, startValues } from '../../../model/runtime/parameter.ts';
import type { Arrays } from '../../../model/runtime/traced-function.ts';
import type { Measured } from '../../../model/train/metrics.ts';
import { pretrainLoss } from '../../../model/train/pretrain.ts';
import { sharesOf, update, updateFunctions } from '../../../model/train/update.ts';
import { batchSetup, config, smallExamples } from '../small-model.ts';

const objectives = { mlm: 1, moc: 0.5, mrfr: 1, itm: 2, itc: 0 };
const still = { ...config, dropout: 0 };
const setup = { ...batchSetup, config: still, objectives };
const parameters = parameterSpecs(still);
const pairs = 4;

/** Batches whose counts of hidden pieces and regions differ, since images and texts differ in length. */
const parts = [0, 1, 2].map((part) =>
  trainingBatch(
    smallExamples(12, 5).slice(part * pairs, (part + 1) * pairs),
    { pairs, pieces: config.maxPieces, regions: config.maxRegions },
    setup,
    random(7, part),
  ),
);

/** One batch of them all: rows after rows, places and partners counted on; true pairs before wrong ones. */
function whole(batches: readonly Arrays[]): Arrays {
  const T = config.maxPieces + config.maxRegions + 3;
  const shift: Record<string, number> = {
    mlmPlaces: pairs * T,
    regionPlaces: pairs * T,
    partners: pairs,
    regionRows: pairs * config.maxRegions,
  };
  const names = Object.keys(batches[0] as Arrays);
  const halves = (arrays: FedArray, half: number) =>
    arrays.values.slice((half * arrays.values.length) / 2, ((half + 1) * arrays.values.length) / 2);
  return Object.fromEntries(
    names.map((name) => {
      const own = batches.map((batch) => batch[name] as FedArray);
      const [first] = own as [FedArray];
      if (name === 'featureMean' || name === 'featureScale') return [name, first];
      const paired = name === 'matched' || name === 'matchCounts';
      const values = paired
        ? [0, 1].flatMap((half) => own.flatMap((one) => [...halves(one, half)]))
        : own.flatMap((one, batch) => [...one.values].map((value) => value + batch * (shift[name] ?? 0)));
      const [rows = 0, ...rest] = first.shape;
      const typed = first.values instanceof Int32Array ? Int32Array.from(values) : Float32Array.from(values);
      return [name, { shape: [rows * batches.length, ...rest], values: typed }];
    }),
  );
}

for (const compiled of [true, false]) {
  test(`gradients are scaled down to the norm that is asked for, and not without one, ${compiled ? 'compiled' : 'op by op'}`, async () => {
    const afterStep = async (clipNorm: number) => {
      const optimizer = { ...adamW, clipNorm };
      const functions = updateFunctions(pretrainLoss(setup), { dropout: 0, optimizer }, 1);
      const running = openExecutable({ parameters, functions, optimizer, compiled });
      running.load(startValues(parameters, 3));
      const { gradientNorm } = await update(running, [parts[0]!], ratesAt(optimizer, 0, 1e-2), { seed: 1, step: 0 });
      const means = [...running.values()].filter(([name]) => name.endsWith('adam_m')).flatMap(([, own]) => [...own]);
      running.dispose();
      // After the first step a mean is 1 − β₁ of the gradient.
      return { gradientNorm: gradientNorm!, used: Math.hypot(...means) / (1 - adamW.beta1) };
    };
    const [clipped, whole] = [await afterStep(0.25), await afterStep(Number.POSITIVE_INFINITY)];
    assert.ok(whole.gradientNorm > 0.5);
    assert.ok(Math.abs(clipped.gradientNorm - whole.gradientNorm) < 1e-4, 'the norm that is told is the one before');
    assert.ok(Math.abs(clipped.used - 0.25) < 1e-4, `${clipped.used}`);
    assert.ok(Math.abs(whole.used - whole.gradientNorm) < 1e-3, `${whole.used} for ${whole.gradientNorm}`);
  });

  test(`three batches make the update that one batch of them all makes, ${compiled ? 'compiled' : 'op by op'}`, async () => {
    const updated = async (batches: readonly Arrays[]) => {
      const running = openExecutable({
        parameters: batches.length > 1 ? [...parameters, ...gradientSums(parameters)] : parameters,
        functions: updateFunctions(pretrainLoss(setup), { dropout: 0, optimizer: adamW }, batches.length),
        optimizer: adamW,
        compiled,
      });
      running.load(startValues(parameters, 3));
      // Two updates: the second must not see the sums of the first.
      const measured: Measured[] = [];
      for (const step of [0, 1])
        measured.push(await update(running, batches, ratesAt(adamW, step, 1e-2), { seed: 1, step }));
      const values = running.values();
      running.dispose();
      return { measured, values };
    };
    const [large, small] = [await updated([whole(parts)]), await updated(parts)];
    large.measured.forEach((wanted, step) => {
      assert.deepEqual(Object.keys(small.measured[step] ?? {}).sort(), Object.keys(wanted).sort());
      for (const [name, value] of Object.entries(wanted)) {
        const got = small.measured[step]?.[name] as number;
        assert.ok(Math.abs(got - value) <= 1e-5 * Math.max(1, Math.abs(value)), `${name}: ${got} for ${value}`);
      }
    });
    for (const { name } of parameters) {
      const [wanted, got] = [large.values.get(name) as Float32Array, small.values.get(name) as Float32Array];
      // Adam's first steps are rate × sign: where a gradient is almost 0, rounding turns it. Those few places may differ.
      const differ = wanted.filter((value, index) => Math.abs(value - got[index]!) > 1e-5).length;
      assert.ok(differ <= Math.max(1, 0.002 * wanted.length), `${name}: ${differ} of ${wanted.length} differ`);
    }
  });
}

test('shares follow what each objective counts and sum to 1', () => {
  const counts = (...values: number[]): FedArray => ({ shape: [values.length], values: Float32Array.from(values) });
  const shares = sharesOf([
    { mlmCounts: counts(1, 1, 1), regionCounts: counts(0, 0), matchCounts: counts(1, 1) },
    { mlmCounts: counts(1, 0, 0), regionCounts: counts(0, 0), matchCounts: counts(1, 1) },
  ]);
  assert.deepEqual(
    shares.map((own) => [...own]),
    [
      [0.75, 0.5, 0.5, 0.5, 0.5],
      [0.25, 0.5, 0.5, 0.5, 0.5],
    ],
  );
});

for (const compiled of [true, false]) {
  test(`parts of a model learn at their share of the rate, or not at all, ${compiled ? 'compiled' : 'op by op'}`, async () => {
    /** How far one step moves each parameter, and which means the optimiser keeps. */
    const moved = async (rate: number | undefined) => {
      const shares = parameters.map((one) =>
        one.name.startsWith('bert.encoder.') && rate !== undefined ? { ...one, rate } : one,
      );
      const frozen = new Set(shares.filter((one) => !learns(one)).map(({ name }) => name));
      const running = openExecutable({
        parameters: shares,
        functions: updateFunctions(pretrainLoss(setup), { dropout: 0, optimizer: adamW, frozen }, 1),
        optimizer: adamW,
        compiled,
      });
      const start = startValues(parameters, 3);
      running.load(start);
      await update(running, [parts[0]!], ratesAt(adamW, 0, 1e-2), { seed: 1, step: 0 });
      const values = running.values();
      running.dispose();
      return {
        kept: [...values.keys()].length,
        by: new Map(
          parameters.map(({ name }) => [name, values.get(name)!.map((one, at) => one - start.get(name)![at]!)]),
        ),
      };
    };
    const [full, tenth, none] = [await moved(undefined), await moved(0.1), await moved(0)];
    for (const { name, shape } of parameters) {
      const own = name.startsWith('bert.encoder.');
      const [wanted, slow, still] = [full, tenth, none].map(({ by }) => by.get(name)!);
      const count = elementCount(shape);
      for (let at = 0; at < count; at++) {
        const share = own ? 0.1 : 1;
        assert.ok(
          Math.abs(slow![at]! - share * wanted![at]!) < 2e-6,
          `${name}: ${slow![at]} for ${share} × ${wanted![at]}`,
        );
        if (own) assert.equal(still![at], 0);
      }
    }
    const encoder = parameters.filter(({ name }) => name.startsWith('bert.encoder.')).length;
    assert.equal(full.kept - none.kept, 2 * encoder, 'what does not learn has no running means');
  });
}
