/** `lait doctor --cpu` as a user runs it, and what is read of a GPU's machine. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { idsOf, peakOf, readCards } from '../../cli/setup/cards.ts';
import { readPlacements } from '../../cli/setup/placements.ts';
import type { SelfTestReport } from '../../cli/setup/self-test.ts';
import { selfTestPage } from '../../cli/setup/self-test-page.ts';

const lait = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), 'doctor', ...args], {
    encoding: 'utf8',
    env: { ...process.env, CUDA_VISIBLE_DEVICES: '-1' },
  });

test('the self-test passes on the CPU: placement, numbers, repetition, speed', () => {
  const { status, stdout, stderr } = lait('--cpu', '--preset', 'tiny', '--batch-size', '2', '--json');
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout) as SelfTestReport;
  assert.deepEqual(
    report.checks.map(({ name, ok }) => [name, ok]),
    [
      ['placement', true],
      ['numbers', true],
      ['repeats', true],
    ],
  );
  assert.match(report.checks[0]!.detail, /^\d{3,} nodes of \d+ ops on CPU:0$/);
  assert.match(report.checks[1]!.detail, /within \d\.\de-\d+ of those op by op/);
  assert.deepEqual(
    report.speeds.map(({ name }) => name),
    ['bf16', 'f32'],
  );
  for (const speed of report.speeds) {
    for (const value of Object.values(speed)) assert.ok(typeof value === 'string' || value > 0, JSON.stringify(speed));
  }
  assert.ok(report.feedBytesPerSecond > 1e6 && report.productFlops > 1e9);
  assert.equal(report.device, 'cpu');
  const page = selfTestPage(report);
  assert.ok(page.split('\n').length < 25, page);
  for (const word of ['✔ placement', '✔ numbers', '✔ repeats', 'ms a step', 'GB/s', report.tensorflow]) {
    assert.ok(page.includes(word), `${word} in\n${page}`);
  }
});

test('without a GPU, --gpu says in one line what is there and what to do', () => {
  const { status, stdout, stderr } = lait('--gpu');
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /^lait: Expected a GPU for --gpu but received [^\n]+; [^\n]+, or give --cpu\.\n$/);
});

test('a flag of the self-test alone, and both devices, are refused', () => {
  for (const [args, message] of [
    [['--preset', 'mini'], '--preset has no effect without --gpu or --cpu'],
    [['--batch-size', '8'], '--batch-size has no effect without --gpu or --cpu'],
    [['--gpu', '--cpu'], '--cpu has no effect beside --gpu'],
  ] as const) {
    const { status, stderr } = lait(...args);
    assert.equal(status, 2);
    assert.ok(stderr.startsWith(`lait: ${message};`), stderr);
  }
});

test('Ctrl-C ends the self-test without a stack', { skip: process.platform !== 'linux' }, async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), 'doctor', '--cpu'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  // Once a part runs in a process of its own.
  const children = `/proc/${child.pid}/task/${child.pid}/children`;
  while (readFileSync(children, 'utf8') === '') await setTimeout(50);
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  assert.equal(code, 130, said);
  assert.doesNotMatch(said, /fault of lait| {4}at /);
});

test("placements are read from TensorFlow's log, with what lies on the CPU though it computes", () => {
  const at = (name: string, op: string, device: string) =>
    `I0000 00:00:1796053888.709518   12906 placer.cc:172] ${name}(${op}) placed on: /job:localhost/replica:0/task:0/device:${device}`;
  const log = [
    'some other line',
    at('train/1', 'MatMul', 'GPU:0'),
    at('train/2', 'Softmax', 'GPU:0'),
    at('train/3', 'TopKV2', 'CPU:0'),
    at('train/c4', 'Const', 'CPU:0'),
  ].join('\n');
  assert.deepEqual(readPlacements(log), { nodes: 4, ops: 4, onCpu: ['TopKV2'], devices: ['GPU:0', 'CPU:0'] });
});

test('the card is the one that CUDA may use', () => {
  for (const [visible, ids] of [
    [undefined, []],
    ['', []],
    ['3', ['--id=3']],
    ['1,0', ['--id=1,0']],
    ['GPU-8932f937-d72c', ['--id=GPU-8932f937-d72c']],
    ['0;reboot', []],
  ] as const) {
    assert.deepEqual(idsOf(visible), ids);
  }
});

test('cards are read from nvidia-smi, and their peaks are those of the data sheets', () => {
  const cards = readCards('NVIDIA H100 80GB HBM3, 550.54.15, 81559, 4, 9.0\nNVIDIA L4, 535.161.08, 23034, 0, 8.9\n');
  assert.deepEqual(cards[0], {
    name: 'NVIDIA H100 80GB HBM3',
    driver: '550.54.15',
    computeCapability: '9.0',
    memoryBytes: 81_559 * 2 ** 20,
    usedBytes: 4 * 2 ** 20,
  });
  const peaks = [
    'NVIDIA H100 80GB HBM3',
    'NVIDIA H100 PCIe',
    'NVIDIA L4',
    'NVIDIA L40S',
    'NVIDIA A100-SXM4-80GB',
    'NVIDIA T1000',
  ];
  assert.deepEqual(
    peaks.map((name) => (peakOf(name, 'bf16') ?? 0) / 1e12),
    [989, 756, 121, 362, 312, 0],
  );
});
