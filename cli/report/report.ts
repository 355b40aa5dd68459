/**
 * The funnel as one page of HTML that needs nothing else: what came in, what each rule dropped and why, pictures of both,
 * scores with their thresholds, languages, sizes, hosts, yields. It runs no script, loads nothing, and everything that came
 * from the web is escaped; its policy forbids the browser anything else.
 */
import sharp from 'sharp';
import { currentRecipe, type FunnelRow, funnel, type RuleRecord } from '../../dataset/judgements.ts';
import type { Ledger } from '../../dataset/ledger.ts';
import type { RawStore } from '../../dataset/raw-store.ts';
import { bars, histogram } from './charts.ts';
import { type Example, examples, hosts, scores, shorterSides, yields } from './figures.ts';
import { html, Markup } from './html.ts';
import { css } from './style.ts';

export interface ReportOptions {
  readonly title?: string;
  /** Where the pictures come from; without it the grids show texts only. */
  readonly raw?: Pick<RawStore, 'read'>;
  /** Pictures a grid: some kept ones, and some dropped by each rule. */
  readonly picturesPerRule?: number;
}

/** Longer side of a thumbnail, in pixels. */
const thumbnailPx = 160;

/** The report of the current recipe's funnel. */
export async function renderReport(ledger: Ledger, options: ReportOptions = {}): Promise<string> {
  const { title = 'What became of the pairs', raw, picturesPerRule = 10 } = options;
  const { found, unjudged, kept, rows } = funnel(ledger);
  const rules = currentRecipe(ledger)?.rules ?? [];
  const grids: Markup[] = [];
  for (const row of rows.filter(({ dropped }) => dropped > 0)) {
    grids.push(await ruleSection(row, rules, examples(ledger, row.rule, picturesPerRule), raw));
  }
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title><style>${new Markup(css)}</style></head><body>
<h1>${title}</h1>
<p class="sum"><b>${n(kept)}</b> of <b>${n(found)}</b> pairs kept${found === 0 ? '' : html` (${percent(kept / found)})`}${
    unjudged > 0 ? html`; ${n(unjudged)} not judged yet` : ''
  }.</p>
<h2>Funnel</h2>
${bars(rows.map(({ rule, entered, dropped }) => ({ label: rule, value: entered, dropped, ...(dropped > 0 ? { href: `#${rule}` } : {}) })))}
<h2>Kept</h2>
${await grid(examples(ledger, null, 2 * picturesPerRule), raw)}
<h2>Dropped, rule by rule</h2>
${grids}
<h2>Scores</h2>
${[...scores(ledger)].map(
  ([name, values]) =>
    html`<h3>${name}</h3>${histogram(values, { threshold: thresholdOf(name, rules) })}<p class="note">${n(values.length)} values</p>`,
)}
<h2>Languages</h2>
${bars(languages(rows, kept))}
<h2>Shorter side of the images, px</h2>
${histogram(shorterSides(ledger), { threshold: number(rules.find(({ name }) => name === 'image/size')?.settings.minSidePx) })}
<h2>Hosts</h2>
${bars(hosts(ledger).map(({ host, found: all, kept: left }) => ({ label: host, value: all, dropped: all - left })))}
<h2>Pairs kept a page</h2>
${bars(yields(ledger).map((pages, count, all) => ({ label: count === all.length - 1 ? `${count} or more` : String(count), value: pages })))}
<h2>Recipe</h2>
<table>${rules.map(({ name, settings }) => html`<tr><td>${name}</td><td><code>${JSON.stringify(settings)}</code></td></tr>`)}</table>
</body></html>
`;
  return page.text;
}

async function ruleSection(
  { rule, dropped, entered, reasons }: FunnelRow,
  rules: readonly RuleRecord[],
  dropouts: readonly Example[],
  raw: ReportOptions['raw'],
): Promise<Markup> {
  const settings = rules.find(({ name }) => name === rule)?.settings;
  return html`<section id="${rule}"><h3>${rule}</h3>
<p class="note">dropped ${n(dropped)} of ${n(entered)} (${percent(dropped / entered)})${
    settings && Object.keys(settings).length > 0 ? html` by <code>${JSON.stringify(settings)}</code>` : ''
  }</p>
${bars(reasons.slice(0, 12).map(({ reason, count }) => ({ label: reason, value: count, dropped: count })))}
${await grid(dropouts, raw)}</section>`;
}

async function grid(list: readonly Example[], raw: ReportOptions['raw']): Promise<Markup> {
  const figures: Markup[] = [];
  for (const example of list) {
    const { text, source, reason, imageUrl, pageUrl, width, height } = example;
    const picture = await thumbnail(example, raw);
    figures.push(html`<figure>${picture === null ? html`<div class="none">no image</div>` : html`<img alt="" src="${picture}">`}
<figcaption><span class="text">${text}</span><small>${reason === null ? '' : html`<b>${reason}</b> · `}${source}${
      width === null ? '' : html` · ${width} × ${height ?? ''}`
    }<br>${address(imageUrl)}<br>${address(pageUrl)}</small></figcaption></figure>`);
  }
  return html`<div class="grid">${figures}</div>`;
}

/** Only web addresses become links. */
const address = (url: string): Markup =>
  /^https?:\/\//i.test(url) ? html`<a href="${url}" rel="noreferrer noopener">${url}</a>` : html`${url}`;

/** A small WebP as a data address; null where there is no image or it does not decode. */
async function thumbnail({ place }: Example, raw: ReportOptions['raw']): Promise<string | null> {
  if (!place || !raw) return null;
  try {
    const small = await sharp(raw.read(place), { failOn: 'none' })
      .rotate()
      .resize(thumbnailPx, thumbnailPx, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 60 })
      .toBuffer();
    return `data:image/webp;base64,${small.toString('base64')}`;
  } catch {
    return null;
  }
}

/** Pairs by the language they were dropped for; what is kept is in the wanted ones. */
function languages(rows: readonly FunnelRow[], kept: number) {
  const counts = new Map<string, number>();
  for (const { rule, reasons } of rows) {
    if (!rule.endsWith('/language')) continue;
    for (const { reason, count } of reasons) counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  const dropped = [...counts].sort(([, a], [, b]) => b - a).slice(0, 30);
  return [{ label: 'kept', value: kept }, ...dropped.map(([label, value]) => ({ label, value, dropped: value }))];
}

/** The threshold of the rule that a score belongs to: its one setting that is a number. */
function thresholdOf(score: string, rules: readonly RuleRecord[]): number | undefined {
  const rule = rules.find(({ name }) => name === score.split('@')[0]);
  return (
    rule &&
    Object.values(rule.settings)
      .map(number)
      .find((value) => value !== undefined)
  );
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const n = (count: number): string => count.toLocaleString('en');
const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
