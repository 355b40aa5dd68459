/** What the system and SQLite refuse, under every command that meets it: one line that says what to do, and the code of whose fault it is. */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { faultOf } from '../../cli/fault.ts';
import type { CorpusFacts, CrawlFacts } from '../../cli/view/counting.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { exportShards } from '../../dataset/export/export.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { UserError } from '../../dataset/user-error.ts';
import { smallUrl, writeSmallCorpus } from '../dataset/small-corpus.ts';
import { ranInProcess } from '../helpers/in-process.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'lait-faults-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const failure = (code: string, path?: string) => Object.assign(new Error(`${code}: no`), { code, path });

test('each error has one line and one exit code', () => {
  const path = /^Expected a path that can be used but received "\/data\/x" \(/;
  const cases: readonly (readonly [error: unknown, exitCode: number, line: RegExp, isOurs?: true])[] = [
    [new UserError('Expected this; do that.'), 2, /^Expected this; do that\.$/],
    [new UserError('Later.', { exitCode: 1 }), 1, /^Later\.$/],
    ...[
      'ENOENT',
      'ENOTDIR',
      'EISDIR',
      'EEXIST',
      'EACCES',
      'EPERM',
      'EROFS',
      'ELOOP',
      'ENAMETOOLONG',
      'ERR_FS_EISDIR',
    ].map((code) => [failure(code, '/data/x'), 2, path] as const),
    [new Error('outer', { cause: failure('EACCES', '/data/x') }), 2, path],
    ...['SQLITE_READONLY', 'SQLITE_READONLY_DIRECTORY', 'SQLITE_CANTOPEN'].map(
      (code) => [failure(code), 2, /received the corpus \(/] as const,
    ),
    ...['SQLITE_CORRUPT', 'SQLITE_CORRUPT_INDEX', 'SQLITE_NOTADB'].map(
      (code) =>
        [failure(code), 2, /a damaged one .* `lait verify --repair`, which saves what can still be read\.$/] as const,
    ),
    [failure('SQLITE_BUSY'), 2, /another program holds one/],
    [failure('SQLITE_IOERR_READ'), 1, /^the disk or the network file system failed/],
    [failure('ENOSPC'), 1, /^the disk is full/],
    ...[
      Object.assign(new Error("The module 'x.node'\nwas compiled against … using\nNODE_MODULE_VERSION 115."), {
        code: 'ERR_DLOPEN_FAILED',
      }),
      Object.assign(new Error('x.node: invalid ELF header'), { code: 'ERR_DLOPEN_FAILED' }),
      new Error('Could not locate the bindings file. Tried:\n x'),
    ].map((error) => [error, 2, /^Expected native addons for Node\.js .*; run `npx lait setup` with this/] as const),
    [failure('EADDRINUSE'), 2, /^Expected a free port but another program has it/],
    [failure('EMFILE'), 1, /^this machine has no more/],
    [failure('ENOENT', join(root, 'dataset/none.ts')), 1, /^this is a fault of lait itself/, true],
    [failure('ENOENT'), 1, /^this is a fault of lait itself/, true],
    [new TypeError('x is undefined'), 1, /^this is a fault of lait itself/, true],
  ];
  for (const [error, exitCode, line, isOurs = false] of cases) {
    const fault = faultOf(error);
    assert.deepEqual({ exitCode: fault.exitCode, isOurs: fault.isOurs }, { exitCode, isOurs }, String(error));
    assert.match(fault.line, line);
    assert.doesNotMatch(fault.line, /\n|the same command goes on/);
  }
  // A corpus that lies in a clone of lait is no part of lait.
  assert.equal(faultOf(failure('ENOENT', join(root, 'birds/raw/000000.tar'))).exitCode, 2);
});

/** Runs a command line in the folder; one that hangs is ended. */
const lait = (
  args: readonly string[],
  env: Record<string, string> = {},
  user: { readonly uid?: number; readonly gid?: number } = {},
): Promise<{ code: unknown; said: string }> =>
  new Promise((resolve) => {
    const options = { cwd: folder, timeout: 240_000, env: { ...process.env, ...env }, ...user };
    execFile(process.execPath, [join(root, 'cli/lait.mjs'), ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? (error.killed ? 'hangs' : error.code) : 0, said: stdout + stderr }),
    );
  });

before(async () => {
  await writeSmallCorpus(join(folder, 'whole'), { images: 3 });
  await exportShards({ corpusDir: join(folder, 'whole') });
});

const commands: readonly (readonly string[])[] = [
  ['crawl', 'http://127.0.0.1:9/', '--allow-private'],
  ['filter'],
  ['export'],
  ['report'],
  ['retry', '--reason', 'http-503'],
  ['extract', '--again'],
  ['takedown', '--url', 'https://a.example/'],
  ['ledger', 'explain', 'abcdef'],
];

const damages: readonly [name: string, damage: (corpus: string) => void][] = [
  ['a ledger that is no database', (corpus) => writeFileSync(join(corpus, 'ledger.db'), 'x'.repeat(9000))],
  [
    'a ledger whose schema is overwritten',
    (corpus) => {
      const bytes = readFileSync(join(corpus, 'ledger.db'));
      bytes.fill(0xff, 100, 4096);
      writeFileSync(join(corpus, 'ledger.db'), bytes);
    },
  ],
  [
    'a ledger that is a folder',
    (corpus) => {
      rmSync(join(corpus, 'ledger.db'));
      mkdirSync(join(corpus, 'ledger.db'));
    },
  ],
];

for (const [name, damage] of damages) {
  test(`${name}: every command says so`, async () => {
    const corpus = join(folder, name.replaceAll(' ', '-'));
    cpSync(join(folder, 'whole'), corpus, { recursive: true });
    for (const file of readdirSync(corpus)) if (/-(wal|shm)$/.test(file)) rmSync(join(corpus, file));
    damage(corpus);
    for (const args of commands) {
      const { code, stdout, stderr } = await ranInProcess([...args, '--corpus', corpus]);
      assert.equal(code, 2, `${args.join(' ')}: ${stdout}${stderr}`);
      assert.match(stdout + stderr, /^lait: Expected [^\n]*\n$/, args.join(' '));
    }
  });
}

test('folders that no system lets be made, and a home that cannot be written, are one line', {
  skip: process.platform !== 'linux',
}, async () => {
  for (const args of [
    ['init', '/proc/lait/birds'],
    ['crawl', 'http://127.0.0.1:9/', '--allow-private', '--corpus', '/proc/lait'],
    ['schedule', 'http://127.0.0.1:9/', '--allow-private', '--cron', '* * * * * *', '--corpus', '/proc/lait'],
    ['demo', '--pictures', '80', '--corpus', '/proc/lait'],
  ]) {
    const { code, said } = await lait(args);
    assert.equal(code, 2, said);
    assert.match(
      said,
      /^(?:A website of .*\n)?lait: Expected a path that can be used but received "\/proc\/lait" \(E\w+: [^\n]*\); name another, or allow its use\.\n$/,
    );
  }
  writeFileSync(join(folder, 'home'), '');
  const { code, said } = await lait(['regions', '--corpus', 'whole'], {
    HOME: join(folder, 'home'),
    XDG_CACHE_HOME: '',
    LAIT_CACHE: '',
  });
  assert.notEqual(code, 'hangs');
  assert.doesNotMatch(said, /fault of lait/);
});

test('a disk that is full leaves no half of a report or of settings, and the report of before', {
  skip: process.platform !== 'linux',
}, async () => {
  const [corpus, fresh] = [join(folder, 'full'), join(folder, 'full-fresh')];
  cpSync(join(folder, 'whole'), corpus, { recursive: true });
  mkdirSync(fresh);
  writeFileSync(join(corpus, 'report.html'), 'before');
  for (const args of [
    ['report', '--corpus', corpus],
    ['init', fresh],
  ]) {
    const command = [
      'bash',
      '-c',
      'ulimit -f 1; exec "$@"',
      'lait',
      process.execPath,
      join(root, 'cli/lait.mjs'),
      ...args,
    ];
    const { status, stderr } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^lait: the disk is full[^\n]*\n$/);
  }
  assert.equal(readFileSync(join(corpus, 'report.html'), 'utf8'), 'before');
  assert.deepEqual(readdirSync(fresh), []);
});

const mayMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt']).status === 0;

test('a corpus on a disk that is full is read', {
  skip: mayMount ? false : 'this user may not mount a memory disk',
}, () => {
  const [disk, whole] = [join(folder, 'disk'), join(folder, 'whole')];
  mkdirSync(disk);
  const command = `'${process.execPath}' '${join(root, 'cli/lait.mjs')}' ledger explain '${smallUrl(1)}' --corpus '${disk}/corpus'`;
  const script = `mount -t tmpfs -o size=8m tmpfs '${disk}' && mkdir '${disk}/corpus' && cp '${whole}/ledger.db' '${disk}/corpus' &&
    { head -c 9000000 /dev/zero > '${disk}/filler' 2> /dev/null || ${command}; }`;
  const { status, stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', script], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /colour number 1/);
});

/** Root may do everything: as root, commands run as the user that owns nothing. */
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const mayReadLait = (): boolean => {
  const { status } = spawnSync(process.execPath, ['--check', join(root, 'cli/lait.mjs')], { ...nobody, cwd: '/' });
  return status === 0;
};

test('an ordinary user is told of folders that may not be read or written, and nothing of them changes', {
  skip: process.platform === 'win32' || !mayReadLait(),
}, async (t) => {
  chmodSync(folder, 0o755);
  const [readOnly, closed] = [join(folder, 'read-only'), join(folder, 'closed')];
  cpSync(join(folder, 'whole'), readOnly, { recursive: true });
  const modes = (change: (mode: number) => number): void => {
    for (const name of ['.', ...readdirSync(readOnly, { recursive: true, encoding: 'utf8' })]) {
      const path = join(readOnly, name);
      chmodSync(path, change(statSync(path).mode & 0o777));
    }
  };
  modes((mode) => (mode | 0o444 | ((mode & 0o100) === 0 ? 0 : 0o111)) & 0o555);
  mkdirSync(closed, { mode: 0o000 });
  t.after(() => {
    modes((mode) => mode | 0o200);
    chmodSync(closed, 0o755);
  });
  const contents = () =>
    readdirSync(readOnly, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(readOnly, name)).isFile())
      .map((name) => [name, readFileSync(join(readOnly, name)).toString('base64')])
      .sort();
  const before = contents();
  const home = { HOME: closed, XDG_CACHE_HOME: '', LAIT_CACHE: '' };
  for (const [corpus, path, ofCorpus] of [
    [readOnly, /received (?:the corpus|"[^"]*read-only[^"]*") \(/, ['crawl', 'filter', 'export', 'report', 'regions']],
    [closed, /received "[^"]*closed\/[^"]*" \(EACCES: /, ['filter', 'verify', 'regions']],
  ] as const) {
    for (const name of ofCorpus) {
      const args = name === 'crawl' ? ['http://127.0.0.1:9/', '--allow-private'] : [];
      const { code, said } = await lait([name, ...args, '--corpus', corpus], home, nobody);
      assert.equal(code, 2, `${name}: ${said}`);
      assert.match(said, /^lait: Expected a path that can be used but [^\n]*\n$/, name);
      assert.match(said, path, name);
    }
  }
  assert.deepEqual(contents(), before);
});

/** What the workbench says of a corpus to somebody who may not write it: from its ledger, and from its frontier. */
async function lookAt(corpus: string, temporary: string): Promise<unknown> {
  const child = spawn(process.execPath, [join(root, 'cli/lait.mjs'), 'view', '--corpus', corpus], {
    ...nobody,
    cwd: '/',
    env: { ...process.env, TMPDIR: temporary },
  });
  const ended = once(child, 'close');
  let said = '';
  child.stderr.on('data', (data: Buffer) => {
    said += data;
  });
  try {
    for await (const data of child.stdout) {
      said += data;
      const url = /http:\S+\n/.exec(said)?.[0].trim();
      if (url === undefined) continue;
      const { headers } = await fetch(url, { redirect: 'manual' });
      const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
      const ask = async <Answer>(name: string): Promise<Answer> =>
        (await (await fetch(new URL(`/api/${name}`, url), { headers: { cookie } })).json()) as Answer;
      const { funnel } = await ask<CorpusFacts>('corpus');
      const { frontier } = await ask<CrawlFacts>('crawl');
      return { kept: funnel.kept, queued: frontier?.queued };
    }
    return said;
  } finally {
    child.kill('SIGINT');
    await ended;
  }
}

test('what only reads reads a corpus that may not be written, also while somebody else has it open', {
  skip: process.platform === 'win32' || !mayReadLait(),
}, async (t) => {
  chmodSync(folder, 0o755);
  const corpus = join(folder, 'only-read');
  cpSync(join(folder, 'whole'), corpus, { recursive: true });
  const pictures = join(folder, 'reports');
  mkdirSync(pictures);
  chmodSync(pictures, 0o777);
  const all = (): string[] => ['.', ...readdirSync(corpus, { recursive: true, encoding: 'utf8' })];
  const close = (): void => {
    for (const name of all()) {
      const path = join(corpus, name);
      chmodSync(path, statSync(path).isDirectory() ? 0o555 : 0o444);
    }
  };
  t.after(() => {
    for (const name of all()) chmodSync(join(corpus, name), 0o755);
  });
  const temporary = mkdtempSync(join(folder, 'tmp-'));
  chmodSync(temporary, 0o777);
  const readAll = async (report: string): Promise<void> => {
    const before = all().sort();
    for (const args of [['report', '--out', join(pictures, report)], ['ledger', 'explain', smallUrl(1)], ['verify']]) {
      const { code, said } = await lait([...args, '--corpus', corpus], { TMPDIR: temporary }, nobody);
      assert.equal(code, 0, `${args[0]}: ${said}`);
    }
    assert.deepEqual(await lookAt(corpus, temporary), { kept: 3, queued: 0 });
    assert.deepEqual(all().sort(), before);
    const copies = readdirSync(temporary).filter((name) => name.startsWith('lait-'));
    assert.deepEqual(copies, [], 'no copy is left');
    const html = readFileSync(join(pictures, report), 'utf8');
    assert.match(html, /colour number 1/);
  };
  Frontier.open(corpus).close();
  close();
  await readAll('a.html');
  for (const name of ['.', 'ledger.db']) chmodSync(join(corpus, name), 0o755);
  const ledger = Ledger.open(corpus);
  t.after(() => ledger.close());
  ledger.db.exec("INSERT INTO reports VALUES ('other.html')"); // in the log, not in the file
  close();
  await readAll('b.html');
});
