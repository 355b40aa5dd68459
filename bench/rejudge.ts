/**
 * Judging a large ledger (large-ledger.ts), and judging it again after a threshold has moved, with the recipe that `lait filter`
 * uses. There is no raw store: a rule that opened an image would end the run.
 *
 *     node --import tsx bench/rejudge.ts [--pairs 1000000] [--folder DIR] [--filled DIR]
 *
 * With `--filled`, the ledger as it was before the first judging is kept in that folder and taken from there the next time.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { type RecipeOptions, recipe } from '../filters/recipe.ts';
import { screen } from '../filters/screen.ts';
import { fillLedger } from './large-ledger.ts';

const { values: flags } = parseArgs({
  options: {
    pairs: { type: 'string', default: '1000000' },
    folder: { type: 'string', default: tmpdir() },
    filled: { type: 'string' },
  },
});
const pairCount = Number(flags.pairs);
const raw = {
  read: (): Buffer => {
    throw new Error('an image was opened');
  },
};

const moves: readonly (readonly [string, RecipeOptions])[] = [
  ['first judging', {}],
  ['minSidePx 301 → 256', { minSidePx: 256 }],
  ['minWords 3 → 4 (and minSidePx back)', { minWords: 4 }],
  ['minSharpness 60 → 100 (and minWords back)', { minSharpness: 100 }],
  ['maxDuplicateBits 4 → 2 (and minSharpness back)', { maxDuplicateBits: 2 }],
];

/** A corpus with nothing but a filled ledger. */
function openFilled(folder: string): Ledger {
  const source = flags.filled === undefined ? null : join(flags.filled, 'ledger.db');
  if (source !== null && existsSync(source)) {
    copyFileSync(source, join(folder, 'ledger.db'));
    return Ledger.open(folder);
  }
  const ledger = Ledger.open(source === null ? folder : flags.filled!);
  fillLedger(ledger, pairCount);
  ledger.close();
  return source === null ? Ledger.open(folder) : openFilled(folder);
}

const folder = mkdtempSync(join(flags.folder, 'lait-rejudge-'));
try {
  const ledger = openFilled(folder);
  console.log(
    '| what changed | wall s | CPU s | peak RSS so far MB | kept | of |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const [name, options] of moves) {
    const started = performance.now();
    const before = process.cpuUsage();
    const { kept, found } = await screen({ ledger, recipe: recipe(options), raw });
    const { user, system } = process.cpuUsage(before);
    const wall = (performance.now() - started) / 1000;
    const rss = Math.round(process.resourceUsage().maxRSS / 1024);
    console.log(
      `| ${name} | ${wall.toFixed(1)} | ${((user + system) / 1e6).toFixed(1)} | ${rss} | ${kept} | ${found} |`,
    );
  }
  ledger.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
