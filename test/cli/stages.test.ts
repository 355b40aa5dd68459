/** Pretraining in stages and evaluation as a user types them; see test/line.test.ts for the whole line. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { configSchema } from '../../cli/config.ts';
import { parseConfig, readStages } from '../../cli/config-file.ts';
import { dataPlace } from '../../cli/data-place.ts';
import { plannedStages, sameFeatures } from '../../cli/stages.ts';
import { checkpoints } from '../../model/train/checkpoint.ts';
import { writeSmallShards } from '../model/small-shards.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-stages-'));
after(() => rmSync(root, { recursive: true }));
const [large, near] = [join(root, 'large'), join(root, 'near')];
const stagesFile = join(root, 'stages.yaml');
const config = configSchema.parse({});

before(async () => {
  for (const [dir, count, seed] of [[large, 60, 1], [near, 30, 2]] as const) // biome-ignore format: one line
    await writeSmallShards(dir, { name: dir === large ? 'l' : 'n', count, seed, detector: 'centernet' });
  await writeSmallShards(near, { name: 'v', count: 24, seed: 2, split: 'test', detector: 'centernet' });
  writeFileSync(
    stagesFile,
    `- name: weak
  corpora: [{dir: large}]
  steps: 6
- name: near
  corpora: [{dir: large, share: 1}, {dir: near, share: 3}]
  steps: 16
  learningRate: 5e-5
  accumulate: 2
`,
  );
});

/** Runs a command; SIGKILL ends it as soon as `killWhen` says so. */
function lait(args: readonly string[], killWhen: () => boolean = () => false): Promise<[number | null, string]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), ...args]);
    let output = '';
    const timer = setInterval(() => killWhen() && child.kill('SIGKILL'), 5);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data)); // biome-ignore format: one line
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(timer);
      resolve([code, output]);
    });
  });
}

test('stages follow one another; a run killed in the second goes on there; it is evaluated by its name', async () => {
  const args = [
    'pretrain',
    '--corpus',
    near,
    '--stages',
    stagesFile,
    '--batch-size',
    '8',
    '--checkpoint-every-steps',
    '3',
  ];
  const runDir = join(near, 'runs/pretrain');
  const [killed, early] = await lait(args, () => existsSync(join(runDir, 'near/checkpoints/step-00000006')));
  assert.equal(killed, null, `it was to be killed in the second stage: ${early}`);
  const [code, output] = await lait(args);
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /^weak/m, 'the first stage is done');
  assert.match(output, /near: 60 training images of .*large \(share 1\), 30 training images of .*near \(share 3\)/);
  assert.match(output, /near {2}step +16 +mlm [\d.]+ \([\d.]+ %\) {2}moc .* itm /);
  const first = Number(/near {2}step +(\d+)/.exec(output)?.[1]);
  assert.ok(first > 6, `it goes on after the newest checkpoint, not at step ${first}`);
  assert.ok((checkpoints(join(runDir, 'near')).at(-1) as string).endsWith('step-00000016'));

  const [refused, why] = await lait(args.filter((arg) => arg !== '--stages' && arg !== stagesFile));
  assert.deepEqual([refused, /Expected a run without stages at .* but received one with/.test(why)], [2, true], why);

  const [done, printed] = await lait([
    'evaluate',
    '--corpus',
    near,
    '--split',
    'test',
    '--images',
    '24',
    '--folds',
    '3',
  ]);
  assert.equal(done, 0, printed);
  assert.match(printed, /24 images, 24 texts, mean of 3 folds +R@1 +R@5 +R@10/);
  assert.match(printed, /chance +12\.5 % +62\.5 % +100\.0 %/);
  const json = JSON.parse(readFileSync(join(runDir, 'near/evaluation/test-rerank-3-folds.json'), 'utf8'));
  assert.deepEqual([json.images, json.folds, json.pairsScored, json.published], [24, 3, 192, []]);
});

const faults: [name: string, yaml: string, message: RegExp][] = [
  ['an unknown key', '- name: a\n  step: 3\n', /^Expected one of the keys name, corpora, .* but received pretrain\.stages\.0\.step; did you mean steps\? edit .*, line 2\.$/],
  ['no name', '- steps: 3\n', /^Expected a?.* for pretrain\.stages\.0\.name but received .*; edit /],
  ['no steps at all', '- name: a\n  steps: 0\n', /for pretrain\.stages\.0\.steps but received 0; edit .*, line 2\.$/],
  ['no list', 'name: a\n', /^Expected a list for pretrain\.stages but received /],
]; // biome-ignore format: a table
for (const [name, yaml, message] of faults) {
  test(`a file of stages with ${name} is refused`, () => {
    const path = join(root, 'faulty.yaml');
    writeFileSync(path, yaml);
    assert.throws(() => readStages(path), { name: 'UserError', message });
    if (name === 'no list') return;
    const indented = yaml.replace(/^/gm, '    ').trimEnd();
    assert.throws(() => parseConfig(`pretrain:\n  stages:\n${indented}\n`, 'lait.yaml'), { name: 'UserError' });
  });
}

test('a stage takes what it does not say from the section, and folders from where the list stands', () => {
  const settings = parseConfig('pretrain:\n  steps: 7\n  itc: 1\n  stages: [{name: a}, {name: b, itc: 0, cleanMatching: false, learningRate: 0.01, corpora: [{dir: ../x}]}]\n', 'lait.yaml').pretrain; // biome-ignore format: one line
  const stages = plannedStages('/data/corpus', settings);
  assert.deepEqual(
    stages.map(({ name, steps, objectives, cleanMatching, learningRate, corpora }) => [
      ...[name, steps, objectives.itc, cleanMatching, learningRate],
      corpora,
    ]),
    [
      // Rate and passes follow from preset and contrast where neither says them.
      ['a', 7, 1, true, 1e-3, [{ dir: '/data/corpus', shards: '/data/corpus/shards', share: 1 }]],
      ['b', 7, 0, false, 0.01, [{ dir: '/data/x', shards: '/data/x/shards', share: 1 }]],
    ],
  );
});

for (const [what, settings, line] of [
  [
    'no objective',
    { stages: [{ name: 'one', mlm: 0, moc: 0, mrfr: 0, itm: 0, itc: 0 }] },
    'Expected a weight above 0 for mlm, moc, mrfr, itm, itc but received 0 for each; leave one of them on.',
  ],
  [
    'hard negatives without contrast',
    { hardNegatives: true, itc: 0 },
    'Expected a weight above 0 for itc but received 0; hard negatives are pairs of ITM that ITC chooses.',
  ],
  [
    'hard negatives without matching',
    { hardNegatives: true, itc: 1, itm: 0 },
    'Expected a weight above 0 for itm but received 0; hard negatives are pairs of ITM that ITC chooses.',
  ],
] as const) {
  test(`a run with ${what} is refused before any work`, () => {
    const { pretrain } = configSchema.parse({ pretrain: settings });
    assert.throws(() => plannedStages('/data/corpus', pretrain), { name: 'UserError', message: line });
  });
}

test('missing shards, missing regions and other features are refused before any work, by name', async () => {
  const other = (name: string) => join(root, name);
  mkdirSync(join(other('none'), 'shards/train'), { recursive: true });
  await writeSmallShards(other('else'), { count: 4, seed: 1, detector: 'centernet' });
  const manifest = join(other('else'), 'regions/centernet/detector.json');
  const stageOf = (corpora: readonly string[]) => [
    { ...(plannedStages(near, config.pretrain)[0] as ReturnType<typeof plannedStages>[number]), corpora: corpora.map((dir) => ({ ...dataPlace(dir), share: 1 })) },
  ]; // biome-ignore format: one line
  await assert.rejects(sameFeatures(stageOf([near, root]), config), { name: 'UserError', message: /^Expected shards at .*lait-stages/ }); // biome-ignore format: one line
  await assert.rejects(sameFeatures(stageOf([near, other('none')]), config), {
    message: /^Expected region features at .*none/,
  });
  const was = JSON.parse(readFileSync(manifest, 'utf8'));
  const faulty: [change: object, message: RegExp][] = [
    [{ name: 'other' }, /^Expected centernet as in .*near for the detector of .*else but received other; /],
    [{ featureSize: 9 }, /^Expected 6 as in .*near for the feature width of .*else but received 9; /],
    [{ labels: ['z'] }, /for the classes of .*else but received z; /],
  ];
  for (const [change, message] of faulty) {
    writeFileSync(manifest, JSON.stringify({ ...was, ...change }));
    await assert.rejects(sameFeatures(stageOf([near, other('else')]), config), { name: 'UserError', message });
  }
});
