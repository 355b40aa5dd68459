/** What a person sees on a terminal, at usual widths: nothing is overwritten, whatever is told while a bar stands. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { startSite } from '../helpers/site.ts';
import { openTerminal } from '../helpers/terminal.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'lait-terminal-'));
after(() => rmSync(folder, { recursive: true }));

/** A run of 200 steps with a report every tenth, as training tells of itself, and a word from elsewhere. */
const script = join(folder, 'run.mts');
writeFileSync(
  script,
  `import { startProgress } from ${JSON.stringify(join(root, 'cli/progress.ts'))};
import { tell } from ${JSON.stringify(join(root, 'cli/tell.ts'))};
const progress = startProgress('Training');
const detail = '1,234 samples/s, 56,789 tokens/s, 812 GFLOP/s (61.2 % of peak), 1:05 left, 0.4 % waiting for data';
for (let step = 1; step <= 200; step++) {
  progress.update({ done: step, total: 200, detail });
  if (step % 10 === 0) progress.line(\`step \${step}  mlm 5.123 (12.3 %)  moc 4.321 (8.9 %)  mrfr 0.987  itm 0.693 (50.1 %)  itc 3.871 (4.2 %)\`);
  if (step === 105) tell('lait: waiting: another command writes the same');
  await new Promise((done) => setTimeout(done, 2));
}
progress.stop();
console.log('the result');
`,
);

/** The lines of a screen with those that a line was broken into put together again. */
const unwrapped = (lines: readonly string[], columns: number): string[] => {
  const whole: string[] = [];
  let open = false;
  for (const line of lines) {
    if (open) whole.push(`${whole.pop()}${line}`);
    else whole.push(line);
    open = line.length === columns;
  }
  return whole;
};

const wrap = (text: string, columns: number): number => Math.ceil(text.length / columns);

for (const columns of [80, 120]) {
  describe(`on a terminal of ${columns} columns`, () => {
    it('every line stays, once and in order, the last state of the bar below them, then the result', async () => {
      const terminal = openTerminal([process.execPath, '--import', 'tsx', script], { columns, env: { PWD: root } });
      assert.equal(await terminal.ended, 0);
      const lines = unwrapped(await terminal.lines(), columns);
      const steps = Array.from({ length: 20 }, (_, index) => (index + 1) * 10);
      const line = (step: number) =>
        `step ${step}  mlm 5.123 (12.3 %)  moc 4.321 (8.9 %)  mrfr 0.987  itm 0.693 (50.1 %)  itc 3.871 (4.2 %)`;
      assert.deepEqual(lines, [
        ...steps.slice(0, 10).map(line),
        'lait: waiting: another command writes the same',
        ...steps.slice(10).map(line),
        `Training ${'█'.repeat(24)} 200/200  1,234 samples/s, 56,789 tokens/s, 812 GFLOP/s (61.2 % of peak), 1:05 left, 0.4 % waiting for data`,
        'the result',
      ]);
      assert.ok(wrap(line(10), 80) === 2, 'the lines are longer than a narrow terminal');
      assert.match(terminal.printed(), /\d+\/200/, 'a short run has a bar');
      assert.ok(terminal.printed().lastIndexOf('\u001b[?25h') > terminal.printed().lastIndexOf('\u001b[?25l'));
    });

    it('Ctrl-C says what it does above the bar, and the crawl tells what it did', async () => {
      const pages = Object.fromEntries(
        Array.from({ length: 300 }, (_, n) => [`/${n}`, `<a href="/${n + 1}">next</a><p>Page ${n}</p>`]),
      );
      const site = await startSite({ routes: { '/': '<a href="/0">first</a>', ...pages }, delayMs: 30 });
      try {
        const corpus = join(folder, `stopped-${columns}`);
        const args = ['crawl', `${site.url}/`, '--corpus', corpus, '--allow-private', '--min-delay-ms', '0'];
        const terminal = openTerminal([process.execPath, join(root, 'cli/lait.mjs'), ...args], { columns });
        await terminal.shows(/^Crawling +(?:[3-9]|\d{2,}) +pages/);
        terminal.type('\u0003');
        assert.equal(await terminal.ended, 130);
        const lines = unwrapped(await terminal.lines(), columns);
        const told = lines.indexOf('lait: stopping, saving what is done (once more to stop at once)');
        assert.ok(told >= 0, lines.join('\n'));
        assert.match(lines[told + 1] ?? '', /^Crawling \d+ {2}pages, /);
        assert.match(lines[told + 2] ?? '', /^pages {9}fetched \d+/);
        assert.equal(lines.filter((line) => line.startsWith('Crawling ')).length, 1);
      } finally {
        await site.close();
      }
    });
  });
}

it('a terminal that closes ends the crawl as by Ctrl-C', async () => {
  const pages = Object.fromEntries(
    Array.from({ length: 300 }, (_, n) => [`/${n}`, `<a href="/${n + 1}">next</a><p>Page ${n}</p>`]),
  );
  const site = await startSite({ routes: { '/': '<a href="/0">first</a>', ...pages }, delayMs: 30 });
  try {
    const corpus = join(folder, 'closed');
    const args = ['crawl', `${site.url}/`, '--corpus', corpus, '--allow-private', '--min-delay-ms', '0'];
    const terminal = openTerminal([process.execPath, join(root, 'cli/lait.mjs'), ...args], { columns: 80 });
    await terminal.shows(/^Crawling +(?:[3-9]|\d{2,}) +pages/);
    terminal.close();
    assert.equal(await terminal.ended, 130);
    assert.match(readFileSync(join(corpus, 'runs.jsonl'), 'utf8'), /"stoppedBy":"signal"/);
    assert.equal(existsSync(join(corpus, 'locks', 'crawl.json')), false);
  } finally {
    await site.close();
  }
});

it('a terminal that cannot move its cursor gets plain lines', async () => {
  const terminal = openTerminal([process.execPath, '--import', 'tsx', script], { columns: 80, env: { TERM: 'dumb' } });
  assert.equal(await terminal.ended, 0);
  assert.ok(!terminal.printed().includes('\u001b'));
});

it('no colour is ever printed, with NO_COLOR or without', async () => {
  for (const env of [{}, { NO_COLOR: '1' }]) {
    const terminal = openTerminal([process.execPath, join(root, 'cli/lait.mjs'), '--help'], { columns: 80, env });
    assert.equal(await terminal.ended, 0);
    assert.deepEqual(
      terminal
        .printed()
        .split('\u001b[')
        .slice(1)
        .filter((rest) => /^[\d;]*m/.test(rest)),
      [],
    );
  }
});
