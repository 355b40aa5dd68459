/**
 * The funnel as one page of HTML that needs nothing else: what came in, what each rule dropped and why, pictures of both,
 * scores with their thresholds, languages, sizes, hosts, yields. It runs no script, loads nothing, and everything that came
 * from the web is escaped; its policy forbids the browser anything else.
 */

import { asPreset } from '../../dataset/export/card.ts';
import { reportMark } from '../../dataset/export/own-files.ts';
import { withImage } from '../../dataset/image/open-image.ts';
import { type ExamplePair, examples, hosts, scores, shorterSides, yields } from '../../dataset/ledger/figures.ts';
import { type FunnelRow, funnel } from '../../dataset/ledger/funnel.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { RawStore } from '../../dataset/ledger/raw-store.ts';
import { currentRecipe, type RuleRecord, scoreNameOf } from '../../dataset/ledger/recipes.ts';
import { hasScores } from '../../dataset/ledger/scores.ts';
import { bars, histogram, short } from './charts.ts';
import { html, Markup } from './html.ts';
import { css } from './style.ts';

export interface ReportOptions {
  /** Of the corpus. */
  readonly name?: string;
  /** Default: now. */
  readonly writtenAtMs?: number;
  /** Where the pictures come from; without it the grids show texts only. */
  readonly raw?: Pick<RawStore, 'read'>;
  /** Pictures a grid: some kept ones, and some dropped by each rule. */
  readonly picturesPerRule?: number;
  /** Shown before the funnel; the first row is the heading. */
  readonly tables?: readonly { readonly title: string; readonly rows: readonly (readonly string[])[] }[];
}

/** Longer side of a thumbnail, in pixels. */
const thumbnailPx = 160;

/** The report of the current recipe's funnel. */
export async function renderReport(ledger: Ledger, options: ReportOptions = {}): Promise<string> {
  const { name, writtenAtMs = Date.now(), raw, picturesPerRule = 10, tables = [] } = options;
  const title = name === undefined ? 'What became of the pairs' : `${name}: what became of the pairs`;
  const { found, gone, unjudged, kept, rows } = funnel(ledger);
  const recipe = currentRecipe(ledger);
  const rules = recipe?.rules ?? [];
  const sections: Markup[] = [];
  for (const [at, row] of rows.entries()) {
    if (row.dropped === 0) continue;
    const later = [null, ...rows.slice(at + 1).map(({ rule }) => rule)];
    sections.push(await ruleSection(ledger, row, later, rules, at / rows.length, options));
  }
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
${new Markup(reportMark)}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title><style>${new Markup(css)}</style></head><body><main>
<h1>${title}</h1>
<p class="of">Written on ${day(writtenAtMs)}${recipe === null ? '' : html`, judged ${judgedBy(recipe.preset, rules)}`}</p>
<p class="sum"><b>${n(kept)}</b> of <b>${n(found)}</b> pairs kept${found === 0 ? '' : html` (${percent(kept / found)})`}${
    unjudged > 0 ? html`; ${n(unjudged)} not judged yet` : ''
  }${gone > 0 ? html`; ${n(gone)} more are not on the web any more` : ''}.</p>
${tables.map((one) => html`<h2>${one.title}</h2><table>${one.rows.map(tableRow)}</table>`)}
<h2>Funnel</h2>
${bars(rows.map(({ rule, entered, dropped }) => ({ label: rule, value: entered, dropped, ...(dropped > 0 ? { href: `#${rule}` } : {}) })))}
<h2>Kept</h2>
${await grid(examples(ledger, { droppedBy: [null], count: 2 * picturesPerRule }), raw)}
<h2>Rule by rule</h2>
${sections}
<h2>Scores</h2>
${[...scores(ledger)].map(
  ([name, values]) =>
    html`<h3>${name}</h3>${histogram(values, { name, thresholds: thresholdsOf(ruleOf(name, rules)) })}<p class="note">${n(values.length)} values</p>`,
)}
<h2>Languages</h2>
${bars(languages(rows, kept))}
<h2>Shorter side of the images, px</h2>
${histogram(shorterSides(ledger), { name: 'shorter side in pixels', thresholds: thresholdsOf(rules.find(({ name }) => name === 'image/size')) })}
<h2>Hosts</h2>
${bars(hosts(ledger).map(({ host, found: all, kept: left }) => ({ label: host, value: all, dropped: all - left })))}
<h2>Pairs kept a page</h2>
${bars(yields(ledger).map((pages, count, all) => ({ label: count === all.length - 1 ? `${count} or more` : String(count), value: pages })))}
<h2>Recipe</h2>
<table>${rules.map(({ name, settings }) => html`<tr><td>${name}</td><td>${settingsList(settings)}</td></tr>`)}</table>
</main></body></html>
`;
  return page.text;
}

/** `30 November 2026`, in UTC as the ledger has it. */
const day = (ms: number): string => new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(ms);

const judgedBy = (preset: string | null, rules: readonly RuleRecord[]): string =>
  preset === null ? 'by rules of no preset that is known' : `by the preset ${preset}, ${asPreset(rules)}`;

const tableRow = (cells: readonly string[]): Markup => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;

/** A rule's counts and reasons, some pairs that it dropped and some that it let through: by its score, the closest calls. */
async function ruleSection(
  ledger: Ledger,
  { rule, dropped, entered, reasons }: FunnelRow,
  later: readonly (string | null)[],
  rules: readonly RuleRecord[],
  from: number,
  { raw, picturesPerRule = 10 }: ReportOptions,
): Promise<Markup> {
  const record = rules.find(({ name }) => name === rule);
  const score = scoreName(record, ledger);
  const near = thresholdsOf(record)[0];
  const choice = { count: picturesPerRule, score, near };
  const through = examples(ledger, { ...choice, droppedBy: later, from });
  return html`<section id="${rule}"><h3>${rule}</h3>
<p class="note">dropped ${n(dropped)} of ${n(entered)} (${percent(dropped / entered)})${
    record && Object.keys(record.settings).length > 0 ? html`; ${settingsList(record.settings)}` : ''
  }</p>
${bars(reasons.slice(0, 12).map(({ reason, count }) => ({ label: reason, value: count, dropped: count })))}
<h4>Dropped</h4>${await grid(examples(ledger, { ...choice, droppedBy: [rule], score: undefined }), raw, rule)}
${
  through.length === 0
    ? ''
    : html`<h4>Let through${score === undefined ? '' : ', closest to the threshold first'}</h4>${await grid(through, raw, rule)}`
}</section>`;
}

/** The settings in words; long lists open on demand. */
function settingsList(settings: RuleRecord['settings']): Markup {
  return html`${Object.entries(settings).map(([key, value], at) => {
    const text = JSON.stringify(value);
    const shown =
      text.length > 60
        ? html`<details><summary>${key}</summary><code>${text}</code></details>`
        : html`${key} <code>${text}</code>`;
    return html`${at > 0 ? ' · ' : ''}${shown}`;
  })}`;
}

/** `rule` is the one that the section is about: what another one dropped says so. */
async function grid(list: readonly ExamplePair[], raw: ReportOptions['raw'], rule?: string): Promise<Markup> {
  const figures: Markup[] = [];
  for (const example of list) {
    const { text, source, droppedBy, reason, score, imageUrl, pageUrl, width, height } = example;
    const picture = await thumbnail(example, raw);
    figures.push(html`<figure>${picture === null ? html`<div class="none">no image</div>` : html`<img alt="" src="${picture}">`}
<figcaption><span class="text">${text}</span><small>${reason === null ? '' : html`<b>${droppedBy === rule ? reason : `later ${droppedBy}`}</b> · `}${score === null ? '' : html`<b>${short(score)}</b> · `}${source}${
      width === null ? '' : html` · ${width} × ${height ?? ''}`
    }<br>${address('image', imageUrl)} · ${address('page', pageUrl)}</small></figcaption></figure>`);
  }
  return html`<div class="grid">${figures}</div>`;
}

/** Only web addresses become links; others are shown. */
const address = (label: string, url: string): Markup =>
  /^https?:\/\//i.test(url)
    ? html`<a href="${url}" title="${url}" rel="noreferrer noopener">${label}</a>`
    : html`${label} ${url}`;

/** A small WebP as a data address, on white as a page would show it; null where there is no image or it does not decode. */
async function thumbnail({ place }: ExamplePair, raw: ReportOptions['raw']): Promise<string | null> {
  if (!place || !raw) return null;
  try {
    const small = await withImage(raw.read(place), { failOn: 'none' }, (image) =>
      image
        .rotate()
        .flatten({ background: '#ffffff' })
        .resize(thumbnailPx, thumbnailPx, { fit: 'inside', withoutEnlargement: true })
        .webp({ quality: 60 })
        .toBuffer(),
    );
    return `data:image/webp;base64,${small.toString('base64')}`;
  } catch {
    return null;
  }
}

/** Pairs by the language they were dropped for; what is kept is in the wanted ones. */
function languages(rows: readonly FunnelRow[], kept: number) {
  const names = new Intl.DisplayNames('en', { type: 'language', fallback: 'code' });
  const counts = new Map<string, number>();
  for (const { rule, reasons } of rows) {
    if (!rule.endsWith('/language')) continue;
    for (const { reason, count } of reasons) {
      const code = /^is-([a-z]{2,3})$/.exec(reason)?.[1];
      const label = code === undefined ? reason : `${names.of(code)} (${code})`;
      counts.set(label, (counts.get(label) ?? 0) + count);
    }
  }
  const dropped = [...counts].sort(([, a], [, b]) => b - a).slice(0, 30);
  return [{ label: 'kept', value: kept }, ...dropped.map(([label, value]) => ({ label, value, dropped: value }))];
}

/** The rule that a score belongs to: `match/relevance@MODEL` is `match/relevance`'s. */
const ruleOf = (score: string, rules: readonly RuleRecord[]): RuleRecord | undefined =>
  rules.find(({ name }) => name === score.split('@')[0]);

/** The name of a rule's score in the ledger, if it has one; of several models' the one in the recipe. */
function scoreName(record: RuleRecord | undefined, ledger: Ledger): string | undefined {
  if (!record) return undefined;
  const name = scoreNameOf(record);
  return hasScores(ledger, name) ? name : undefined;
}

/** A rule's settings that are numbers. */
const thresholdsOf = (record: RuleRecord | undefined): number[] =>
  Object.values(record?.settings ?? {}).filter((value) => typeof value === 'number');

const n = (count: number): string => count.toLocaleString('en');
const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
