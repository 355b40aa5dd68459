/** `lait doctor`: what is there, what is missing, what follows from that and how to get it. */
import { availableParallelism, totalmem } from 'node:os';
import { turboJpeg } from '../../dataset/image/turbo-jpeg.ts';
import { UserError } from '../../dataset/user-error.ts';
import { onnxRuntimeStatus } from '../../model/formats/onnx.ts';
import { pretrainedStatus } from '../../model/formats/pretrained.ts';
import type { DoctorFlags } from '../call-flags.ts';
import type { Nothing, PlainContext } from '../command.ts';
import { startProgress } from '../progress.ts';
import { table } from '../table.ts';
import { wrap } from '../wrap.ts';
import { browserAdvice, findBrowser } from './browser.ts';
import { sqliteState } from './native.ts';
import { runAskedPart, selfTest } from './self-test.ts';
import { selfTestPage } from './self-test-page.ts';
import { libraryBytes, tensorflowReady, type Variant, wantedVariant } from './tensorflow.ts';
import { tensorflowVersion } from './wheels.ts';

export interface Finding {
  readonly name: string;
  /** `missing` stops something from working; `later` is fetched when it is first needed. */
  readonly state: 'ok' | 'missing' | 'later';
  readonly detail: string;
}

const marks = { ok: '✔', missing: '✘', later: '○' } as const;

/** Prints what `examine` finds, or the self-test; exits with 2 where something is missing, with 1 where the self-test fails. */
export async function doctor({ print, flags, signal }: PlainContext<DoctorFlags>): Promise<void> {
  if (await runAskedPart()) return;
  const { gpu, cpu, preset, batchSize, ...others } = flags;
  others satisfies Nothing;
  if (gpu && cpu) throw new UserError('--cpu has no effect beside --gpu; leave it out, or change that.');
  if (gpu || cpu) {
    const sizes = gpu ? ({ preset: 'base', batchSize: 48 } as const) : ({ preset: 'tiny', batchSize: 8 } as const);
    const progress = startProgress('Self-test');
    try {
      const report = await selfTest({
        device: gpu ? 'gpu' : 'cpu',
        preset: preset ?? sizes.preset,
        batchSize: batchSize ?? sizes.batchSize,
        signal,
        onPart: (done, total, detail) => progress.update({ done, total, detail }),
      });
      progress.stop();
      print(report, () => selfTestPage(report));
      if (report.checks.some(({ ok }) => !ok)) process.exitCode = 1;
    } finally {
      progress.stop();
    }
    return;
  }
  const alone = Object.entries({ '--preset': preset, '--batch-size': batchSize }).find(([, one]) => one !== undefined);
  if (alone) throw new UserError(`${alone[0]} has no effect without --gpu or --cpu; leave it out, or change that.`);
  const findings = await examine();
  const nameWidth = 2 + Math.max(...findings.map(({ name }) => name.length));
  const detailWidth = Math.max(30, (process.stdout.columns ?? Number.POSITIVE_INFINITY) - nameWidth - 2);
  const rows = findings.flatMap(({ name, state, detail }) =>
    wrap(detail, detailWidth).map((line, index) => [index === 0 ? `${marks[state]} ${name}` : '', line]),
  );
  print(findings, () => `${table(rows, [0, 1])}\n✔ there  ✘ missing  ○ fetched when it is first needed`);
  if (findings.some(({ state }) => state === 'missing')) process.exitCode = 2;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`;

const jpegDecoder = (): string =>
  turboJpeg() === null
    ? 'sharp, which takes three times as long as libjpeg-turbo; that is not installed, or not made for this machine'
    : 'libjpeg-turbo';

/** Looks at the machine; changes nothing. */
export async function examine(): Promise<Finding[]> {
  const variant = await wantedVariant();
  const browser = await findBrowser();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  return [
    {
      name: 'Machine',
      state: 'ok',
      detail: `${process.platform} ${process.arch}, ${availableParallelism()} cores, ${memory}`,
    },
    { name: 'Node.js', state: 'ok', detail: process.versions.node },
    await sqlite(),
    { name: 'JPEG decoder', state: 'ok', detail: jpegDecoder() },
    await tensorflow(variant),
    browser
      ? { name: 'Browser', state: 'ok', detail: browser }
      : { name: 'Browser', state: 'missing', detail: browserAdvice },
    ...pretrainedStatus().map(
      ({ name, package: from, cached, cachedBytes, downloadBytes, licence, purpose }): Finding => ({
        name: `Weights ${name}`,
        state: cached ? 'ok' : 'later',
        detail: `${purpose}; ${from}, ${licence}, ${
          cached ? megabytes(cachedBytes) : `downloads ${megabytes(downloadBytes)} when first needed`
        }`,
      }),
    ),
    onnxRuntime(),
  ];
}

function onnxRuntime(): Finding {
  const { version, cached, downloadBytes } = onnxRuntimeStatus();
  const when = cached ? version : `${version}, downloads ${megabytes(downloadBytes)} when first needed`;
  return { name: 'ONNX runtime', state: cached ? 'ok' : 'later', detail: `only for detectors of your own; ${when}` };
}

async function sqlite(): Promise<Finding> {
  const state = await sqliteState();
  if (state !== 'ready') {
    const what =
      state === 'missing' ? 'nothing works without it' : `built for another Node.js than ${process.versions.node}`;
    return { name: 'SQLite', state: 'missing', detail: `${what}: run \`npx lait setup\`` };
  }
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(':memory:');
  const version = database.prepare('SELECT sqlite_version()').pluck().get();
  database.close();
  return { name: 'SQLite', state: 'ok', detail: String(version) };
}

async function tensorflow(variant: Variant): Promise<Finding> {
  const name = 'TensorFlow';
  if (!tensorflowReady()) {
    return { name, state: 'missing', detail: 'regions, pretrain and evaluate need it: run `npx lait setup`' };
  }
  try {
    const { tf } = await import('../../model/runtime/backend.ts');
    const binding = (tf.backend() as unknown as { binding: { TF_Version: string } }).binding;
    const size = megabytes(libraryBytes(variant));
    return { name, state: 'ok', detail: `${binding.TF_Version ?? tensorflowVersion} for ${variant}, ${size}` };
  } catch (error) {
    return { name, state: 'missing', detail: `${String(error)}; run \`npx lait setup\`` };
  }
}
