import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import protobuf from 'protobufjs';
import { memorySource } from '../../../model/data/source.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import type { TrainingProgress } from '../../../model/train/progress.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-tensorboard-'));
after(() => rmSync(root, { recursive: true }));

/** The fields of tensorflow/core/util/event.proto and framework/{summary,tensor}.proto that scalars use. */
const { root: proto } = protobuf.parse(`
  syntax = "proto3";
  message Event { int64 step = 2; string file_version = 3; Summary summary = 5; }
  message Summary { repeated Value value = 1; }
  message Value { string tag = 1; float simple_value = 2; Tensor tensor = 8; }
  message Tensor { int32 dtype = 1; bytes tensor_content = 4; repeated float float_val = 5; }
`);

interface Event {
  readonly step?: number;
  readonly fileVersion?: string;
  readonly summary?: {
    readonly value?: readonly {
      readonly tag: string;
      readonly simpleValue?: number;
      readonly tensor?: { readonly tensorContent?: Buffer; readonly floatVal?: readonly number[] };
    }[];
  };
}

/** The events of a file of TFRecords: each a length [8 bytes], its checksum [4], the data and its checksum [4]. */
function readEvents(file: string): Event[] {
  const bytes = readFileSync(file);
  const type = proto.lookupType('Event');
  const events: Event[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    events.push(type.toObject(type.decode(data), { longs: Number }) as Event);
    at += 12 + length + 4;
  }
  return events;
}

type Scalar = [step: number, tag: string, value: number];

const readScalars = (file: string): Scalar[] =>
  readEvents(file).flatMap(({ step = 0, summary }) =>
    (summary?.value ?? []).map(({ tag, simpleValue, tensor }): Scalar => {
      const value = simpleValue ?? tensor?.floatVal?.[0] ?? tensor?.tensorContent?.readFloatLE(0);
      return [step, tag, value ?? 0]; // proto3 leaves out zeros
    }),
  );

test('TensorBoard reads what each report said, at its step', async () => {
  const reports: TrainingProgress[] = [];
  await pretrain(
    {
      runDir: root,
      source: memorySource(smallExamples(50), 4),
      config,
      vocabulary,
      detector: 'test',
      steps: 4,
      objectives: allObjectives,
      batchSize: 8,
      checkpointEverySteps: 4,
      reportEverySteps: 2,
      validation: smallExamples(12, 2),
      peakFlops: 1e9,
    },
    // Between them progress is told where a step takes long.
    { onProgress: (report) => void (report.step % 2 === 0 && reports.push(report)) },
  );
  const [file = '', ...others] = readdirSync(join(root, 'tensorboard'));
  assert.match(file, /tfevents/);
  assert.deepEqual(others, []);

  const prefixed = (prefix: string, values: Readonly<Record<string, number>>) =>
    Object.entries(values).map(([name, value]): [string, number] => [`${prefix}${name}`, value]);
  const wanted = reports.flatMap(
    ({ step, epoch: _, totalSteps: __, secondsLeft: ___, checkpoint: ____, ...report }) => {
      const {
        losses,
        accuracies,
        gradientNorms,
        validation,
        best: _best,
        signs: _signs,
        evaluationShare: _share,
        ...scalars
      } = report;
      const { retrieval, margins, temperature } = validation ?? {};
      return [
        ...prefixed('', scalars),
        ...prefixed('loss/', losses),
        ...prefixed('accuracy/', accuracies),
        ...prefixed('gradientNorm/', gradientNorms),
        ...(retrieval ? prefixed('validation/retrieval/image/', { ...retrieval.image }) : []),
        ...(retrieval ? prefixed('validation/retrieval/text/', { ...retrieval.text }) : []),
        ...(margins ? prefixed('validation/margin/', margins) : []),
        ...(temperature ? prefixed('', { temperature }) : []),
        ...(validation ? prefixed('validation/', { loss: validation.loss }) : []),
        ...(validation ? prefixed('validation/loss/', validation.losses) : []),
        ...(validation ? prefixed('validation/accuracy/', validation.accuracies) : []),
      ].map(([tag, value]): Scalar => [step, tag, Math.fround(value)]);
    },
  );
  const sorted = (scalars: readonly Scalar[]) =>
    scalars.toSorted(([step, tag], [otherStep, otherTag]) => step - otherStep || (tag < otherTag ? -1 : 1));
  assert.deepEqual(
    reports.map(({ step }) => step),
    [2, 4],
  );
  assert.ok(wanted.some(([step, tag]) => step === 4 && tag === 'validation/accuracy/itm'));
  assert.ok(wanted.some(([step, tag]) => step === 4 && tag === 'validation/retrieval/image/r1'));
  assert.ok(wanted.some(([step, tag]) => step === 4 && tag === 'validation/margin/hard'));
  assert.deepEqual(sorted(readScalars(join(root, 'tensorboard', file))), sorted(wanted));
});
