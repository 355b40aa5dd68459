/** What `lait` loads before it works: help and a wrong flag wait for no package that only the work needs. Modules are counted, not time. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import { addCommands } from '../../cli/commands.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'lait-start-up-'));
after(() => rmSync(folder, { recursive: true }));

interface Loaded {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Names of packages, tsx and what it needs left out. */
  readonly packages: readonly string[];
  /** Files of lait, without what stands in the folders of the work: `cli/main.ts`. */
  readonly files: readonly string[];
}

function loaded(script: string, ...args: string[]): Loaded {
  const list = join(folder, 'modules.txt');
  writeFileSync(list, '');
  const recorder = join(root, 'test/helpers/record-modules.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', recorder, script, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, LAIT_TEST_MODULES: list },
  });
  const urls = readFileSync(list, 'utf8').split('\n');
  const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  const files = urls.flatMap(
    (url) => /\/((?:cli|crawler|dataset|filters|model)\/[^?]*)\.[tj]s(?:\?|$)/.exec(url)?.[1] ?? [],
  );
  return {
    code: status,
    stdout,
    stderr,
    packages: [...new Set(packages)].filter((name) => !/^(?:tsx|esbuild|get-tsconfig)$/.test(name)).sort(),
    files: [...new Set(files)].map((file) => `${file}.ts`).sort(),
  };
}

const lait = (...args: string[]) => loaded(join(root, 'cli/lait.mjs'), ...args);

for (const [args, code] of [
  [['--help'], 0],
  [['--version'], 0],
  [['--bogus'], 2],
] as const) {
  test(`lait ${args.join(' ')} loads commander and nothing else`, () => {
    const result = lait(...args);
    assert.deepEqual([result.code, result.packages], [code, ['commander']]);
    assert.ok(result.files.includes('cli/main.ts'), 'the modules are recorded');
    assert.ok(!result.files.includes('cli/config.ts'));
  });
}

test('what was not built is told in one line', () => {
  const script = join(folder, 'cli/lait.mjs');
  mkdirSync(join(folder, 'cli'));
  copyFileSync(join(root, 'cli/lait.mjs'), script);
  const { status, stderr } = spawnSync(process.execPath, [script, '--version'], {
    encoding: 'utf8',
    env: { ...process.env, LAIT_DIST: '1' },
  });
  const told =
    'lait: expected dist/cli/main.js but it is not there; run `npm run build` first, or leave LAIT_DIST out.';
  assert.deepEqual([status, stderr], [2, `${told}\n`]);
});

test('the help of all names every command, with its summary', async () => {
  const program = new Command();
  await addCommands(program, () => false);
  assert.deepEqual(
    program.commands.map((command) => command.options.length),
    program.commands.map(() => 0),
  );
  const { stdout } = lait('--help');
  assert.ok(program.commands.length > 20);
  for (const command of program.commands) {
    assert.match(
      stdout,
      new RegExp(
        `^  ${command.name()} +${command
          .description()
          .slice(0, 20)
          .replace(/[`.*+?^$()|[\]\\]/g, '\\$&')}`,
        'm',
      ),
    );
  }
});

test('the help of a command and a flag that it does not have load zod beside, and nothing that works', () => {
  for (const args of [
    ['crawl', '--help'],
    ['help', 'pretrain'],
    ['export', '--bogus'],
    ['ledger', 'explain', '--bogus'],
  ]) {
    const result = lait(...args);
    assert.deepEqual(result.packages, ['commander', 'zod'], args.join(' '));
    assert.equal(result.code, args.includes('--bogus') ? 2 : 0);
  }
});

test('so do all commands', async () => {
  const program = new Command();
  await addCommands(program, () => true);
  const script = join(folder, 'all.mjs');
  const calls = program.commands.map((command) => [
    command.name(),
    ...command.commands.slice(0, 1).map((inner) => inner.name()),
    '--bogus',
  ]);
  assert.ok(calls.length > 20);
  writeFileSync(
    script,
    `await import(${JSON.stringify(import.meta.resolve('tsx'))});
     const { main } = await import(${JSON.stringify(join(root, 'cli/main.ts'))});
     const codes = [];
     for (const call of ${JSON.stringify(calls)}) codes.push(await main(call));
     console.log(JSON.stringify(codes));`,
  );
  const result = loaded(script);
  assert.deepEqual([JSON.parse(result.stdout), result.packages], [calls.map(() => 2), ['commander', 'zod']]);
});

/** Files that Node itself has open at its start: more by version and by the cores of the machine. */
function filesOfNode(): number {
  const script = "console.log(require('node:fs').readdirSync('/proc/self/fd').length)";
  return Number(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout);
}

test('a start without open files, or in a folder that is gone, is one line', {
  skip: !existsSync('/proc/self/fd') && 'nothing tells how many files Node has open',
}, () => {
  const gone = join(folder, 'gone');
  mkdirSync(gone);
  for (const [before, code, line] of [
    [
      `cd '${folder}'; ulimit -n ${filesOfNode() + 2}`,
      1,
      /^lait: this machine has no more open files for lait \(EMFILE\); raise the limit \(ulimit -n\) [^\n]*\n$/,
    ],
    [`cd '${gone}' && rmdir '${gone}'`, 2, /^lait: expected the working directory to be there [^\n]*\n$/],
  ] as const) {
    const command = `${before}; exec '${process.execPath}' '${join(root, 'cli/lait.mjs')}' verify`;
    const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', cwd: '/' });
    assert.equal(status, code, stderr);
    assert.match(stderr, line);
  }
});
