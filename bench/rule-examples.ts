/**
 * The pictures of docs/filters.md: for each rule, real examples that it keeps and drops, from crawled corpora that `lait
 * filter` has judged. Each rule of the `lait` recipe, and CC12M's grammar, is asked about every pair by itself, whatever
 * other rules say (text rules about those in the wanted language); scored rules are asked about the scores in the ledger,
 * and corpus rules show what the ledger says. Writes one WebP a rule and prints how many pairs each drops and why.
 *
 *     node --import tsx bench/rule-examples.ts CORPUS… --out docs/filters
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import sharp from 'sharp';
import { html, Markup } from '../cli/report/html.ts';
import { findBrowser, sandbox } from '../cli/setup/browser.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../dataset/ledger/raw-store.ts';
import { currentRecipe } from '../dataset/ledger/recipes.ts';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { Verdict } from '../filters/filter.ts';
import { recipe, ruleRecords } from '../filters/recipe.ts';
import { corpusWords } from '../filters/text/corpus-words.ts';
import { englishWords } from '../filters/text/english-words.ts';

const { values: flags, positionals: corpora } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'docs/filters' }, each: { type: 'string', default: '10' } },
});
const each = Number(flags.each);
const maxBytes = 80_000;

/** A pair as the ledger has it, with the verdict of the corpus' own recipe. */
interface Row extends StoredSample {
  readonly corpus: { readonly ledger: Ledger; readonly raw: RawStore };
  readonly droppedBy: string | null;
  readonly dropReason: string | null;
}
interface Example {
  readonly row: Row;
  readonly reason: string | null;
  readonly score?: number;
}

const clean = recipe().clean!.clean;
const rows: Row[] = [];
for (const dir of corpora) {
  const ledger = Ledger.open(dir);
  const raw = openRawStore(dir);
  const found = ledger.db
    .prepare(
      `SELECT p.id, i.url AS imageUrl, p.page_url AS pageUrl, p.text, p.source, g.title AS pageTitle, g.text AS pageText,
         i.format, i.width, i.height, i.frames, i.byte_length AS byteLength, i.sha256, i.phash, i.segment, i.offset,
         p.dropped_by AS droppedBy, p.drop_reason AS dropReason
       FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id WHERE i.sha256 IS NOT NULL`,
    )
    .all() as Omit<Row, 'corpus'>[];
  for (const row of found) rows.push({ ...row, text: clean(row.text), corpus: { ledger, raw } });
}

/** An order that is the same each time and has nothing to do with the pages'. */
const shuffled = (rule: string, list: readonly Example[]): Example[] => {
  const key = ({ row }: Example) => createHash('sha256').update(`${rule} ${row.id}`).digest('hex');
  return list
    .map((one) => [key(one), one] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => one);
};

function grouped(list: readonly Example[]): Map<string | null, Example[]> {
  const byReason = new Map<string | null, Example[]>();
  for (const one of list) {
    const same = byReason.get(one.reason);
    if (same) same.push(one);
    else byReason.set(one.reason, [one]);
  }
  return byReason;
}

/** Some examples of each reason in turn, no image twice and no text twice. */
function choose(rule: string, list: readonly Example[], nearest?: (score: number) => number): Example[] {
  const order = nearest
    ? [...list].sort((a, b) => nearest(a.score ?? 0) - nearest(b.score ?? 0))
    : shuffled(rule, list);
  const byReason = grouped(order);
  const [images, texts] = [new Set<string>(), new Set<string>()];
  const chosen: Example[] = [];
  while (chosen.length < each && byReason.size > 0) {
    for (const [reason, waiting] of byReason) {
      const next = waiting.shift();
      if (!next) byReason.delete(reason);
      else if (chosen.length < each && !images.has(next.row.sha256) && !texts.has(next.row.text)) {
        images.add(next.row.sha256);
        texts.add(next.row.text);
        chosen.push(next);
      }
    }
  }
  return chosen;
}

const executablePath = (await findBrowser()) ?? chromium.executablePath();
const browser = await chromium.launch({ executablePath, chromiumSandbox: sandbox() });
const page = await browser.newPage({ viewport: { width: 820, height: 600 } });
mkdirSync(flags.out, { recursive: true });

const css = `body{margin:8px;width:804px;font:11px/1.25 sans-serif;color:#222;background:#fff}
h2{font-size:13px;margin:6px 0 4px}.grid{display:grid;grid-template-columns:repeat(5,1fr);gap:6px}
figure{margin:0;border:1px solid #ccc;padding:3px;overflow:hidden}
.picture{height:84px;display:flex;align-items:center;justify-content:center;background:#f3f3f3}
img{max-width:100%;max-height:84px}figcaption{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:5;overflow:hidden}
b{color:#a00}i{color:#06c;font-style:normal}`;

async function cell({ row, reason, score }: Example): Promise<Markup> {
  const small = await sharp(row.corpus.raw.read(row), { failOn: 'none' })
    .rotate()
    .resize(150, 84, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#fff' })
    .png()
    .toBuffer();
  const measured = score === undefined ? `${row.width} × ${row.height}` : score.toFixed(2);
  const file = decodeURIComponent(row.imageUrl.split('/').at(-1) ?? '');
  return html`<figure><div class="picture"><img src="data:image/png;base64,${small.toString('base64')}"></div>
<figcaption>${reason ? html`<b>${reason}</b> ` : ''}<i>${measured}</i> ${row.text || file}</figcaption></figure>`;
}

/** Draws one sheet. What a rule drops is told in the document; where that is nothing, there is nothing to draw. */
async function sheet(rule: string, kept: readonly Example[], dropped: readonly Example[]): Promise<number> {
  const part = async (title: string, list: readonly Example[]) =>
    html`<h2>${title}</h2><div class="grid">${await Promise.all(list.map(cell))}</div>`;
  const body = html`<style>${new Markup(css)}</style>${[await part(`${rule} keeps`, kept), await part(dropped.length > 0 ? `${rule} drops` : `${rule} drops nothing here`, dropped)]}`;
  await page.setContent(body.text);
  const shot = await page.locator('body').screenshot();
  for (let quality = 70; ; quality -= 10) {
    const bytes = await sharp(shot).webp({ quality, effort: 6 }).toBuffer();
    if (bytes.length > maxBytes && quality > 20) continue;
    writeFileSync(join(flags.out, `${rule.replaceAll('/', '-')}.webp`), bytes);
    return bytes.length;
  }
}

console.log(`${rows.length} pairs with an image`);
async function show(rule: string, all: readonly Example[], nearest?: (score: number) => number): Promise<void> {
  const dropped = all.filter(({ reason }) => reason !== null);
  const kept = all.filter(({ row, reason }) => reason === null && (nearest !== undefined || row.droppedBy === null));
  const bytes = await sheet(rule, choose(rule, kept, nearest), choose(rule, dropped, nearest));
  const reasons = [...grouped(dropped)]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, list]) => `${reason} ${list.length}`);
  console.log(`${rule} | ${all.length} | ${dropped.length} | ${reasons.join(', ')} | ${bytes} bytes`);
}
const reasonOf = (verdict: Verdict): string | null => (verdict.keep ? null : verdict.reason);

const knownWords = () => {
  const words = [...new Set(rows.map(({ corpus }) => corpus.ledger))].map((ledger) =>
    corpusWords(ledger, { vocabulary: englishWords() }),
  );
  return { source: 'the corpora', knows: (word: string) => words.some(({ knows }) => knows(word)) };
};
const made = recipe({ knownWords, partsOfSpeech: ['noun', 'determiner'] });

/** Rules about words are asked about texts in the wanted language only, or another language's words would be their drops. */
const languageRules = made.text.filter(({ name }) => name.endsWith('/language'));
const wanted: Row[] = [];
for (const rule of made.text) await rule.load?.();
for (const row of rows) {
  if (languageRules.every((rule) => rule.judge(row).keep)) wanted.push(row);
}
for (const rule of made.text) {
  const all: Example[] = [];
  for (const row of rule.name.startsWith('text/') && !languageRules.includes(rule) ? wanted : rows) {
    all.push({ row, reason: reasonOf(rule.judge(row)) });
  }
  await show(rule.name, all);
}
for (const rule of made.image) {
  const all: Example[] = [];
  for (const row of rows) all.push({ row, reason: reasonOf(rule.judge(row)) });
  await show(rule.name, all);
}

/** Scored and corpus rules, as the ledgers' own recipes had them. */
const recorded = new Map(
  corpora.flatMap((_, at) => {
    const { ledger } = rows.find(({ corpus }) => corpus.ledger.db.name.startsWith(corpora[at]!))!.corpus;
    return (currentRecipe(ledger)?.rules ?? []).map((rule) => [rule.name, rule] as const);
  }),
);
const plain = new Set(ruleRecords({ ...made, scored: [], corpus: [] }).map(({ name }) => name));
for (const rule of recorded.values()) {
  if (plain.has(rule.name) || rule.name === 'text/clean') continue;
  const scores = new Map<string, number>();
  for (const ledger of new Set(rows.map(({ corpus }) => corpus.ledger))) {
    const stored = ledger.db.prepare('SELECT subject, score FROM scores WHERE rule = ? OR rule LIKE ?');
    for (const { subject, score } of stored.iterate(rule.name, `${rule.name}@%`) as Iterable<{
      subject: string;
      score: number;
    }>) {
      scores.set(subject, score);
    }
  }
  // A verdict on an image holds for all its pairs, also those that an earlier rule had dropped.
  const reasons = new Map<string, string | null>();
  for (const row of rows) {
    if (row.droppedBy === rule.name) reasons.set(scores.has(row.sha256) ? row.sha256 : row.id, row.dropReason);
  }
  const all = rows
    .map((row) => ({ row, score: scores.get(row.sha256) ?? scores.get(row.id) }))
    .filter(({ row, score }) => score !== undefined || row.droppedBy === rule.name || row.droppedBy === null)
    .map(({ row, score }): Example => {
      const reason = reasons.get(row.sha256) ?? reasons.get(row.id) ?? null;
      return score === undefined ? { row, reason } : { row, reason, score };
    });
  const threshold = Object.values(rule.settings).find((value) => typeof value === 'number');
  await show(rule.name, all, scores.size > 0 ? (score) => Math.abs(score - Number(threshold ?? 0)) : undefined);
}
await browser.close();
for (const { ledger, raw } of new Set(rows.map(({ corpus }) => corpus))) {
  raw.close();
  ledger.close();
}
