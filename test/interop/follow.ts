/**
 * Whether the same model and data in PyTorch learn as ours do: trains ImageBERT here without dropout, writes the first weights and the
 * arrays of every step, and lets `follow.py` train its own implementation of the paper on them, with PyTorch's AdamW and
 * clipping. Prints how far the loss curves are apart, and how far ours moves by rounding alone (first weights changed by one part in
 * a million) and by bf16. Fails where the loss is more than 2 % apart, or an objective both 2 % and twice what rounding does.
 *
 *     node --import tsx test/interop/follow.ts PYTHON [CORPUS BERT.safetensors [STEPS [PAIRS]]]
 *
 * PYTHON has torch and safetensors. Without a corpus a model of one layer learns from the small examples of the tests; with one, `mini` from
 * the weights of BERT, whose vocabulary lies beside them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { random } from '../../dataset/random.ts';
import { readExamples } from '../../model/data/example.ts';
import { measureFeatureStatistics } from '../../model/data/feature-statistics.ts';
import { ownLoader } from '../../model/data/loader.ts';
import { commonLengths, firstPosition, lengthBuckets, sampleBatches } from '../../model/data/sampler.ts';
import { type ExampleSource, memorySource } from '../../model/data/source.ts';
import { readTokenizer, specialPieces as specialNames } from '../../model/data/tokenizer.ts';
import { fromHuggingFace, toHuggingFace } from '../../model/formats/hugging-face.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../model/formats/safetensors.ts';
import { type ModelConfig, presets } from '../../model/net/config.ts';
import { paperObjectives } from '../../model/net/objective.ts';
import { parameterSpecs } from '../../model/net/parameters.ts';
import { readColumnsManifest } from '../../model/regions/columns.ts';
import { openExecutable } from '../../model/runtime/executable.ts';
import { floatsOf } from '../../model/runtime/half.ts';
import { adamW, ratesAt } from '../../model/runtime/optimizer.ts';
import { startValues, type Values } from '../../model/runtime/parameter.ts';
import type { Arrays, Precision } from '../../model/runtime/traced-function.ts';
import type { Measured } from '../../model/train/metrics.ts';
import { pretrainLoss } from '../../model/train/pretrain.ts';
import { learningRate } from '../../model/train/schedule.ts';
import { update, updateFunctions } from '../../model/train/update.ts';
import { config as smallConfig, smallExamples, special as smallSpecial } from '../model/small-model.ts';

const [python = '', corpus, bert = '', steps = '200', pairs = '8'] = process.argv.slice(2);
const totalSteps = Number(steps);
const schedule = {
  peak: corpus === undefined ? 2e-3 : 1e-4,
  warmupSteps: totalSteps / 10,
  totalSteps,
  decay: 'linear' as const,
};

interface Setting {
  readonly config: ModelConfig;
  readonly special: typeof smallSpecial;
  readonly source: ExampleSource;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

async function ofCorpus(dir: string): Promise<Setting> {
  const tokenizer = readTokenizer(dirname(bert));
  const { featureSize, labels } = await readColumnsManifest(join(dir, 'regions/centernet'));
  const config = { ...presets.mini, vocabularySize: tokenizer.size, featureSize, classes: labels.length };
  const [padId, , clsId, sepId, maskId] = specialNames.map((piece) => tokenizer.vocabulary.indexOf(piece)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { maxPieces, maxRegions } = config;
  const paths = { shards: join(dir, 'shards/train'), regions: join(dir, 'regions/centernet') };
  const examples = [];
  for await (const example of readExamples({ ...paths, tokenizer, maxPieces, maxRegions })) {
    examples.push(example);
    if (examples.length === totalSteps * Number(pairs)) break;
  }
  const special = { padId, clsId, sepId, maskId };
  return { config, special, source: memorySource(examples, 1), tensors: readSafetensors(bert).tensors };
}

const ofTests = (): Setting => ({
  config: smallConfig,
  special: smallSpecial,
  source: memorySource(smallExamples(200), 1),
  tensors: new Map(),
});

const folder = mkdtempSync(join(tmpdir(), 'lait-follow-'));
try {
  const { source, special, tensors, ...chosen } = corpus === undefined ? ofTests() : await ofCorpus(corpus);
  const config = { ...chosen.config, dropout: 0 };
  const parameters = parameterSpecs(config);
  const setup = { config, special, objectives: paperObjectives };
  const first = new Map([...startValues(parameters, 1), ...fromHuggingFace(parameters, tensors)]);
  writeSafetensors(join(folder, 'model.safetensors'), toHuggingFace(parameters, first));
  const featureStatistics = await measureFeatureStatistics(source.epoch(0), config.featureSize);
  const whole = { batchSize: Number(pairs), seed: 1, buckets: lengthBuckets(config) };
  const { lengths } = await commonLengths(sampleBatches(source, whole), { count: totalSteps, buckets: whole.buckets });
  const collation = { task: 'pretrain' as const, ...setup, maxOverlap: 0.4 };

  const learn = async (
    name: string,
    precision: Precision,
    values: Values,
    onBatch: (arrays: Arrays, step: number) => void = () => {},
  ) => {
    const routines = updateFunctions(pretrainLoss(setup), { dropout: 0, optimizer: adamW }, 1);
    const running = openExecutable({ parameters, functions: routines, optimizer: adamW, precision });
    running.load(values);
    const loader = ownLoader(source, {
      sampler: { ...whole, allowed: lengths },
      from: firstPosition,
      collation,
      featureStatistics,
    });
    const curve: Measured[] = [];
    for (let step = 0; step < totalSteps; step++) {
      const { arrays } = await loader.next();
      onBatch(arrays, step);
      curve.push(
        await update(running, [arrays], ratesAt(adamW, step, learningRate(step, schedule)), { seed: 1, step }),
      );
      if (step % 20 === 0) console.log(`${name}, step ${step}: ${curve.at(-1)?.loss?.toFixed(4)}`);
    }
    running.dispose();
    return curve;
  };
  const ours = await learn('f32', 'f32', first, (arrays, step) => {
    // Whole numbers up to 2^24 are exact in float32, which is what we write.
    const stored = new Map(
      Object.entries(arrays).map(([name, { shape, values }]) => [
        name,
        { shape, values: values instanceof Int32Array ? Float32Array.from(values) : floatsOf(values) },
      ]),
    );
    writeSafetensors(join(folder, `step-${step}.safetensors`), stored);
  });
  const draw = random(1);
  const moved = new Map(
    [...first].map(([name, array]) => [name, array.map((one) => one * (1 + 1e-6 * draw.normal()))]),
  );
  const rounding = distances(await learn('f32, first weights moved', 'f32', moved), ours);
  const half = distances(await learn('bf16', 'bf16', first), ours);
  const percent = (apart: Record<string, number>) =>
    Object.entries(apart).map(([name, share]) => `${name} ${(100 * share).toFixed(3)} %`);
  console.log(`largest distance by rounding: ${percent(rounding).join(', ')}`);
  console.log(`largest distance by bf16: ${percent(half).join(', ')}`);
  writeFileSync(
    join(folder, 'run.json'),
    JSON.stringify({ config, special, schedule, optimizer: adamW, ours, rounding }),
  );
  const { status } = spawnSync(python, [join(import.meta.dirname, 'follow.py'), folder], { stdio: 'inherit' });
  assert.equal(status, 0, 'PyTorch does not follow');
} finally {
  rmSync(folder, { recursive: true });
}

/** The largest relative distance of two runs' curves, each smoothed over ten steps. */
function distances(one: readonly Measured[], other: readonly Measured[]): Record<string, number> {
  const smooth = (curve: readonly Measured[], name: string, step: number) =>
    curve.slice(step - 10, step).reduce((sum, losses) => sum + losses[name]!, 0) / 10;
  const largest = (name: string) =>
    Math.max(
      ...other
        .slice(10)
        .map((_, index) => Math.abs(smooth(one, name, index + 10) / smooth(other, name, index + 10) - 1)),
    );
  return Object.fromEntries(['loss', 'mlm', 'moc', 'mrfr', 'itm'].map((name) => [name, largest(name)]));
}
