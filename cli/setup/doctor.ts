/** `lait doctor`: what is there, what is missing, what follows from that and how to get it. */
import { availableParallelism, totalmem } from 'node:os';
import { turboJpeg } from '../../dataset/image/turbo-jpeg.ts';
import { onnxRuntimeStatus } from '../../model/formats/onnx.ts';
import { pretrainedStatus } from '../../model/formats/pretrained.ts';
import type { PlainContext } from '../command.ts';
import { table } from '../table.ts';
import { wrap } from '../wrap.ts';
import { browserAdvice, findBrowser } from './browser.ts';
import { sqliteState } from './native.ts';
import { libraryBytes, tensorflowReady, type Variant, wantedVariant } from './tensorflow.ts';
import { tensorflowVersion } from './wheels.ts';

export interface Finding {
  readonly name: string;
  /** `missing` stops something from working; `later` is fetched when it is first needed. */
  readonly state: 'ok' | 'missing' | 'later';
  readonly detail: string;
}

const marks = { ok: '✔', missing: '✘', later: '○' } as const;

/** Prints what `examine` finds; exits with 2 where something is missing. */
export async function doctor({ print }: PlainContext): Promise<void> {
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
