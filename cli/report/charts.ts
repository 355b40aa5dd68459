/** Bars and histograms as plain markup and SVG: no script, colours from the page's own variables. */
import { html, type Markup } from './html.ts';

/** One line of a bar chart; `href` leads to its section. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The part of the value drawn in the colour of what is dropped. */
  readonly dropped?: number;
  readonly href?: string;
}

const shown = (count: number): string => count.toLocaleString('en');

/** Horizontal bars, each as long as its value's share of the largest. */
export function bars(rows: readonly Bar[]): Markup {
  const most = Math.max(1, ...rows.map(({ value }) => value));
  const percent = (value: number) => ((100 * value) / most).toFixed(2);
  return html`<div class="bars">${rows.map(
    ({ label, value, dropped = 0, href }) => html`<div class="bar">
<span class="label">${href === undefined ? label : html`<a href="${href}">${label}</a>`}</span>
<span class="track"><span class="kept" style="width:${percent(value - dropped)}%"></span><span class="dropped" style="width:${percent(dropped)}%"></span></span>
<span class="count">${value > dropped || dropped === 0 ? shown(value - dropped) : ''}${dropped > 0 ? html` <span class="minus">−${shown(dropped)}</span>` : ''}</span>
</div>`,
  )}</div>`;
}

export interface HistogramOptions {
  /** What the values are, for those who hear the page. */
  readonly name: string;
  /** Drawn as lines, with their values. */
  readonly thresholds?: readonly number[];
  readonly bins?: number;
}

/** From this ratio of the largest to the least positive value on, equal steps on the axis are equal factors. */
const wideRatio = 100;

/** A histogram of values with the thresholds drawn. */
export function histogram(values: readonly number[], { name, thresholds = [], bins = 40 }: HistogramOptions): Markup {
  if (values.length === 0) return html`<p>No values.</p>`;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of [...thresholds, ...values]) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const logarithmic = low > 0 && high / low > wideRatio;
  const scale = (value: number) => (logarithmic ? Math.log(value) : value);
  const span = high > low ? scale(high) - scale(low) : 1;
  const share = (value: number) => (scale(value) - scale(low)) / span;
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(share(value) * bins))]! += 1;
  const most = Math.max(...counts);
  const [width, height] = [600, 120];
  const columns = counts.map((count, at) => {
    const tall = (count / most) * height;
    return html`<rect x="${((at * width) / bins).toFixed(1)}" y="${(height - tall).toFixed(1)}" width="${(width / bins - 1).toFixed(1)}" height="${tall.toFixed(1)}"/>`;
  });
  const lines = thresholds.map((threshold) => {
    const x = share(threshold) * width;
    const side = x > width * 0.8 ? html`text-anchor="end" dx="-4"` : html`dx="4"`;
    return html`<line x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="0" y2="${height}"/><text class="at" x="${x.toFixed(1)}" y="16" ${side}>${short(threshold)}</text>`;
  });
  return html`<svg class="histogram" viewBox="0 0 ${width} ${height + 22}" role="img" aria-label="${name}: ${shown(values.length)} values from ${short(low)} to ${short(high)}${thresholds.length === 0 ? '' : `, thresholds ${thresholds.map(short).join(', ')}`}">${columns}${lines}
<text x="0" y="${height + 18}">${short(low)}</text><text x="${width}" y="${height + 18}" text-anchor="end">${short(high)}</text>${
    logarithmic ? html`<text x="${width / 2}" y="${height + 18}" text-anchor="middle">logarithmic</text>` : ''
  }</svg>`;
}

export const short = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
