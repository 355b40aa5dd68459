/**
 * What a crawl sees of a site whose content images are known: recall of images, alt texts and captions, and precision.
 *   node --import tsx bench/recall.ts SITE_FOLDER [TRUTH=SITE_FOLDER/truth.jsonl]
 * Each line of TRUTH is a content image: `image` (path below the folder), `alt`, `caption` (either may be missing or empty) and
 * `how`, the word that groups the rows of the table. Every other image of the site counts as decoration. What
 * `image/dominant` drops by default counts as not found. The folder is
 * served on loopback and crawled whole with `render: auto`; texts count when they are equal after whitespace is folded.
 * LAIT_BROWSER names Chromium's binary, LAIT_NO_SANDBOX=1 starts it without its sandbox.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crawl } from '../crawler/crawl.ts';
import { cleanText } from '../crawler/page/clean-text.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { dominanceColumn, readDominance } from '../dataset/ledger/places.ts';
import { openRawStore } from '../dataset/ledger/raw-store.ts';
import type { Pair } from '../dataset/pair.ts';
import { UserError } from '../dataset/user-error.ts';
import { imageDominant } from '../filters/image/dominant.ts';
import { startSite } from '../test/helpers/site.ts';

interface Truth {
  readonly image: string;
  readonly alt?: string;
  readonly caption?: string;
  readonly how?: string;
}

const [folder, truthFile = join(folder ?? '', 'truth.jsonl')] = process.argv.slice(2);
if (folder === undefined) throw new UserError('Expected SITE_FOLDER but received nothing; give a folder of HTML.');
const truth = readFileSync(truthFile, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Truth);

const site = await startSite({ folder });
const corpusDir = mkdtempSync(join(tmpdir(), 'lait-recall-'));
const ledger = Ledger.open(corpusDir);
const raw = openRawStore(corpusDir);
const browserPath = process.env.LAIT_BROWSER;
const summary = await crawl(
  {
    seeds: [`${site.url}/`],
    corpusDir,
    allowPrivate: true,
    minDelayMs: 0,
    browserSandbox: process.env.LAIT_NO_SANDBOX !== '1',
    ...(browserPath === undefined ? {} : { browserPath }),
  },
  { ledger, raw },
);

/** The rule reads nothing else of a pair. */
const nothingElse: Pair = {
  id: '',
  imageUrl: '',
  pageUrl: '',
  text: '',
  source: 'none',
  pageTitle: '',
  pageText: '',
};
const texts = new Map<string, Set<string>>();
const { judge } = imageDominant();
const found = ledger.db
  .prepare(
    `SELECT i.url, p.text, ${dominanceColumn} AS placed FROM pairs p JOIN images i ON i.id = p.image_id
     WHERE i.status = 'success'`,
  )
  .all() as { url: string; text: string; placed: string | null }[];
const pairs: { url: string; text: string }[] = [];
for (const { placed, ...pair } of found) {
  const dominance = readDominance(placed);
  if ((await judge({ ...nothingElse, ...(dominance ? { dominance } : {}) })).keep) pairs.push(pair);
}
for (const { url, text } of pairs) texts.set(url, (texts.get(url) ?? new Set()).add(text));
const reasons = new Map(
  (ledger.db.prepare('SELECT url, status, reason FROM images').all() as Record<string, string>[]).map((row) => [
    row.url,
    row.reason ?? row.status,
  ]),
);

const rows: Record<string, { images: number; found: number; alt: number; caption: number }> = {};
const missed: string[] = [];
const wanted = new Set<string>();
for (const { image, alt = '', caption = '', how = 'all' } of truth) {
  const url = new URL(image.split('/').map(encodeURIComponent).join('/'), `${site.url}/`).href;
  wanted.add(url);
  const seen = texts.get(url);
  const has = (text: string): boolean => cleanText(text) === '' || (seen?.has(cleanText(text)) ?? false);
  rows[how] ??= { images: 0, found: 0, alt: 0, caption: 0 };
  const row = rows[how];
  row.images += 1;
  if (seen) row.found += 1;
  if (seen && has(alt)) row.alt += 1;
  if (seen && has(caption)) row.caption += 1;
  if (!seen) missed.push(`${image} (${how}): not found, ${reasons.get(url) ?? 'nowhere in the ledger'}`);
  else if (!has(alt)) missed.push(`${image} (${how}): another alt than ${JSON.stringify(alt)}`);
  else if (!has(caption)) missed.push(`${image} (${how}): another caption than ${JSON.stringify(caption)}`);
}
const wrong = [...texts.keys()].filter((url) => !wanted.has(url));
const sum = (key: 'images' | 'found' | 'alt' | 'caption'): number =>
  Object.values(rows).reduce((total, row) => total + row[key], 0);
console.table({
  ...rows,
  together: { images: sum('images'), found: sum('found'), alt: sum('alt'), caption: sum('caption') },
});
console.log(
  `${texts.size} images found, ${wrong.length} of them decoration: precision ${(1 - wrong.length / texts.size).toFixed(4)}; ` +
    `${summary.pages.fetched} pages, ${summary.rendered} rendered, ${summary.unrendered} not rendered for want of a browser`,
);
for (const line of [...missed, ...wrong.map((url) => `${url}: decoration that was kept`)]) console.log(line);
raw.close();
ledger.close();
await site.close();
rmSync(corpusDir, { recursive: true });
