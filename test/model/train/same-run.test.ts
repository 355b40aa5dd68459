/** Whatever makes ranks differ is named at the start, by the rank that differs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { adamW } from '../../../model/runtime/optimizer.ts';
import type { Shared } from '../../../model/train/meeting.ts';
import type { TrainOptions } from '../../../model/train/options.ts';
import { factsOf, requireSame } from '../../../model/train/same-run.ts';
import { allObjectives, batchSetup, config, smallExamples, vocabulary } from '../small-model.ts';

const options: TrainOptions = {
  ...{ runDir: '/here/run', source: memorySource(smallExamples(8), 4), config, vocabulary },
  ...{ detector: 'test', steps: 8, learningRate: 1e-3 },
};
const parameters = [{ name: 'bert.a', shape: [2, 3], start: 0.02, decays: true }];

const factsWith = (own: Partial<TrainOptions>) =>
  factsOf(
    { ...options, ...own },
    {
      objectives: allObjectives,
      collation: { task: 'pretrain', ...batchSetup, hardNegatives: false, cleanMatching: true },
    },
    parameters,
  );

/** What rank 1 says of its facts when rank 0 has others. */
async function said(first: ReturnType<typeof factsOf>, second: ReturnType<typeof factsOf>): Promise<string> {
  // As it comes over a connection.
  const sent: string[] = [];
  const fromFirst = async <T extends Shared>(own?: T): Promise<T> => {
    if (own) sent.push(JSON.stringify(own.data));
    return { data: JSON.parse(sent[0]!) as unknown, arrays: new Map() } as unknown as T;
  };
  await requireSame({ rank: 0, fromFirst }, first);
  return requireSame({ rank: 1, fromFirst }, second).then(
    () => '',
    ({ message }: Error) => message,
  );
}

test('every setting that changes numbers is compared', async () => {
  const others: Partial<TrainOptions> = {
    ...{ steps: 9, batchSize: 24, accumulate: 2, seed: 5, learningRate: 2e-3, warmupShare: 0.2, encoderRate: 0.1 },
    ...{ learningRateDecay: 'cosine', maxGradNorm: 0, precision: 'bf16', xla: true, recompute: true, compiled: false },
    ...{
      optimizer: { ...adamW, decay: 0.1 },
    },
    ...{ evaluateEverySteps: 7, checkpointEverySteps: 7, bestBy: 'loss', patience: 3, detector: 'other' },
  };
  for (const [name, value] of Object.entries(others)) {
    const line = await said(factsWith({}), factsWith({ [name]: value }));
    assert.ok(line.includes(` for ${name} of rank 1, as of rank 0, but received `), `${name}: ${line}`);
  }
  assert.equal(
    await said(factsWith({}), factsWith({ seed: 5 })),
    'Expected 0 for seed of rank 1, as of rank 0, but received 5; start all ranks with the same settings and data.',
  );
  const longer = await said(factsWith({}), factsWith({ vocabulary: [...vocabulary, 'more'] }));
  assert.match(longer, /^Expected \w{12} \(a digest\) for the vocabulary of rank 1/);
});

test('what a rank may have of its own is not, nor what is as it is anyway', async () => {
  const own = {
    runDir: '/there/run',
    threads: 3,
    keep: 9,
    tensorboard: false,
    devices: 2,
    dataChanged: 'ok',
    seed: 0,
  } as const;
  assert.equal(await said(factsWith({}), factsWith(own)), '');
});

test('what only one of them has is a difference', async () => {
  assert.match(await said({ a: 1 }, {}), /^Expected 1 for a of rank 1, as of rank 0, but received nothing;/);
  assert.match(await said({}, { a: 1 }), /^Expected nothing for a of rank 1, as of rank 0, but received 1;/);
});
