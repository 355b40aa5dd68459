/**
 * The README's three uses, word for word: every command of its code blocks is read out of README.md and run in a folder that
 * looks like a fresh clone, on an internet in a box. What runs for ever or for hours is stopped as a user would, by Ctrl-C.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { birdHosts, birdPairs } from './birds.ts';
import { type Internet, openInternet } from './box.ts';

const root = join(import.meta.dirname, '../..');

/** The commands of a section's code block, without their comments. */
function commandsOf(section: string): string[] {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  const part = text.split(/^## /m).find((one) => one.startsWith(`${section}\n`));
  const block = /```sh\n([\s\S]*?)```/.exec(part ?? '')?.[1] ?? '';
  return block
    .split('\n')
    .map((line) => line.replace(/\s+# .*$/, '').trim())
    .filter((line) => line !== '');
}

const notCloned = ['.git', 'node_modules', 'birds', 'demo', 'corpus'];

/** Commands that do not end by themselves soon: what they have printed or written when Ctrl-C is pressed. */
const stopped: readonly { readonly command: RegExp; readonly when: RegExp }[] = [
  { command: /^npx lait schedule /, when: /next/i },
  { command: /^npx lait (pretrain|finetune) /, when: /\b[1-9]\d* ?(?:\/|of) ?[\d,]+/ },
];

describe('README', () => {
  let internet: Internet;
  let folder = '';
  before(async () => {
    internet = await openInternet(await birdHosts());
    folder = mkdtempSync(join(tmpdir(), 'lait-readme-'));
    for (const name of readdirSync(root)) {
      if (!notCloned.includes(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  });
  after(async () => {
    await internet.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a command line in a shell; gives what it printed. Anything but the end that is expected of it fails. */
  async function run(command: string): Promise<string> {
    const stop = stopped.find((one) => one.command.test(command));
    const cache = process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '/root', '.cache');
    const child = spawn('bash', ['-c', `exec ${command}`], {
      cwd: folder,
      env: { ...process.env, ...internet.env, XDG_CACHE_HOME: cache, LAIT_NO_SANDBOX: '1' },
      detached: true,
    });
    let output = '';
    let interrupted = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data;
        if (!interrupted && stop?.when.test(output)) {
          interrupted = true;
          process.kill(-child.pid!, 'SIGINT'); // as a terminal does: to all processes of the command
        }
      });
    }
    // npx ends by the signal itself where its command ended with 130.
    const end = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
    assert.ok(interrupted ? end === 130 || end === 'SIGINT' : end === 0, `${command} ended with ${end}\n${output}`);
    return output;
  }

  const query = (sql: string): unknown[] => {
    const db = new Database(join(folder, 'birds/ledger.db'), { readonly: true });
    try {
      return db.prepare(sql).pluck().all();
    } finally {
      db.close();
    }
  };

  test('Scheduled crawls', async () => {
    const commands = commandsOf('Scheduled crawls');
    assert.ok(commands.some((line) => line.startsWith('npx lait crawl https://example.org/')));
    for (const command of commands) await run(command);
    const found = query(
      `SELECT i.url || ' | ' || p.source || ' | ' || p.text FROM pairs p JOIN images i ON i.id = p.image_id`,
    );
    assert.deepEqual(found.sort(), birdPairs());
    assert.deepEqual(query(`SELECT url || ' ' || coalesce(reason, status) FROM images WHERE status != 'success'`), []);
    const asked = internet.requests.map(({ userAgent }) => userAgent);
    assert.ok(
      asked.every((agent) => /lait\/[\d.]+ \(\+you@example\.org\)/.test(agent)),
      `${asked[0]}`,
    );
  });

  test('Dataset export', async () => {
    for (const command of commandsOf('Dataset export')) {
      const output = await run(command);
      if (command.includes('ledger explain')) assert.match(output, /wren/);
    }
    const stats = JSON.parse(readFileSync(join(folder, 'birds/shards/train/00000_stats.json'), 'utf8'));
    assert.ok(stats.successes > 0);
  });

  test('Pretraining from shards', async () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
    writeFileSync(join(folder, 'stages.yaml'), yaml ?? '');
    for (const command of commandsOf('Pretraining from shards')) await run(command);
  });
});
