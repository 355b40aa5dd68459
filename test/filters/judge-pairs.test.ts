/** Pairs that a rule does not come to an end with. The expression is exponential: for 80 letters it runs for ever. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PairToJudge } from '../../dataset/ledger/verdicts.ts';
import { drop, type Filter, keep } from '../../filters/filter.ts';
import { judgePairs } from '../../filters/judge-pairs.ts';
import type { Recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';
import type { Cleaner } from '../../filters/text/clean.ts';
import { pair } from './sample.ts';

const exponential = /^(?:[a-z]+-?)+$/;
const costly = `${'a'.repeat(80)}!`;
let asked: string[] = [];
const rule = (name: string, judge: (text: string) => boolean): Filter => ({
  name,
  settings: {},
  judge: ({ text }) => {
    asked.push(text);
    return judge(text) ? drop('no') : keep;
  },
});
const cleaner = (clean: (text: string) => string): Cleaner => ({ name: 'text/clean', settings: {}, clean });
const recipe: Recipe = {
  clean: cleaner((text) => (text.startsWith('#') && exponential.test(text.slice(1)) ? '' : text.trim())),
  text: [rule('text/first', (text) => text === 'no'), rule('text/slow', (text) => exponential.test(text))],
  image: [],
  corpus: [],
};
const toJudge = (texts: readonly string[]): PairToJudge[] =>
  texts.map((text, row) => ({
    row,
    pair: pair({ text }),
    sample: null,
    missing: 'pending',
    cleanedText: null,
    before: null,
  }));
const given = { recipe, reusable: () => undefined, timeoutMs: 200 };
const outcomes = async (texts: readonly string[]) =>
  (await judgePairs(toJudge(texts), given)).map((one) =>
    'droppedBy' in one ? `${one.droppedBy}:${one.reason}` : 'keep',
  );

describe('a pair that a rule does not come to an end with', () => {
  it('is dropped as too-costly by that rule, and those around it are judged', async () => {
    assert.deepEqual(await outcomes(['no', costly, ' boat! ', `#${costly}`, 'abc', costly]), [
      'text/first:no',
      'text/slow:too-costly',
      'download:pending',
      'text/clean:too-costly',
      'text/slow:no',
      'text/slow:too-costly',
    ]);
  });

  it('is judged again where the machine did not let the rule run, and not where the rule ran all the time', async () => {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const judgedWith = async (work: (call: number) => void) => {
      let calls = 0;
      const sleepy = rule('text/sleepy', (text) => {
        if (text === 'b!') {
          calls += 1;
          work(calls);
        }
        return false;
      });
      const judged = await judgePairs(toJudge(['a!', 'b!', 'c!']), { ...given, recipe: { ...recipe, text: [sleepy] } });
      return { calls, reasons: judged.map((one) => 'droppedBy' in one && one.reason) };
    };
    const endless = (): never => {
      for (;;);
    };
    const wait = (): void => void Atomics.wait(cell, 0, 0, 60_000);
    const passed = ['pending', 'pending', 'pending'];
    const costly = ['pending', 'too-costly', 'pending'];
    const isTold = process.platform === 'linux';
    const times = isTold ? 3 : 1;
    assert.deepEqual(await judgedWith((call) => (call <= times ? wait() : undefined)), {
      calls: times + 1,
      reasons: passed,
    });
    // How often it is begun depends on how much of a core this thread has.
    assert.deepEqual((await judgedWith(endless)).reasons, costly);
    assert.deepEqual(await judgedWith(wait), { calls: isTold ? 8 : 2, reasons: costly });
  });

  it('holds up no signal: what was judged is kept, the pair at hand is not', async () => {
    const controller = new AbortController();
    const slow = rule('text/slow', (text) => {
      controller.abort();
      return exponential.test(text);
    });
    const stopped = { ...given, recipe: { ...recipe, text: [recipe.text[0]!, slow] }, signal: controller.signal };
    const judged = await judgePairs(toJudge(['no', costly, 'no']), stopped);
    assert.deepEqual(judged.map((one) => 'droppedBy' in one && one.reason), ['no']); // biome-ignore format: one line
  });

  it('waits for what a rule has to load, once and outside of the deadline', async () => {
    let [loads, isLoaded] = [0, false];
    const late: Filter = {
      name: 'text/late',
      settings: {},
      load: async () => {
        loads += 1;
        await new Promise((resolve) => setTimeout(resolve, 300));
        isLoaded = true;
      },
      judge: () => (isLoaded ? keep : drop('not-loaded')),
    };
    const judged = await judgePairs(toJudge(['a!', 'b!']), { ...given, recipe: { ...recipe, text: [late] } });
    assert.deepEqual(
      judged.map((one) => 'droppedBy' in one && one.reason),
      ['pending', 'pending'],
    );
    assert.equal(loads, 1);
  });
});

describe('a corpus with such pairs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-costly-pairs-'));
  const ledger = Ledger.open(folder);
  after(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });

  it('is judged to its end; the next run takes their verdicts over and asks no rule about them', async () => {
    const alt = (text: string) => [{ source: 'alt' as const, text }];
    ledger.recordPage(
      { url: 'http://site.test/', status: 'fetched', fetchedAtMs: 1 },
      ['no', costly, `#${costly}`, 'abc'].map((text, at) => ({ url: `http://site.test/${at}.jpg`, texts: alt(text) })),
    );
    const reasons = ({ rows }: Awaited<ReturnType<typeof screen>>) =>
      rows.flatMap(({ rule: name, reasons: all }) => all.map(({ reason, count }) => `${name}:${reason} ${count}`));
    const expected = ['text/clean:too-costly 1', 'text/first:no 1', 'text/slow:no 1', 'text/slow:too-costly 1'];
    assert.deepEqual(reasons(await screen({ ledger, recipe })), expected);
    asked = [];
    assert.deepEqual(reasons(await screen({ ledger, recipe })), expected);
    const longer = { ...recipe, text: [...recipe.text, rule('text/last', () => false)] };
    assert.deepEqual(reasons(await screen({ ledger, recipe: longer })), expected);
    assert.deepEqual(asked, []);
  });
});
