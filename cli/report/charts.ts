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
  /** Drawn as a line, with its value. */
  readonly threshold?: number | undefined;
  readonly bins?: number;
}

/** A histogram of values with the threshold drawn. */
export function histogram(values: readonly number[], { threshold, bins = 40 }: HistogramOptions = {}): Markup {
  if (values.length === 0) return html`<p>No values.</p>`;
  let [low, high] = [threshold ?? values[0]!, threshold ?? values[0]!];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) high = low + 1;
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]!++;
  const most = Math.max(...counts);
  const [width, height] = [600, 120];
  const x = (value: number) => (((value - low) / (high - low)) * width).toFixed(1);
  const columns = counts.map((count, at) => {
    const tall = (count / most) * height;
    return html`<rect x="${((at * width) / bins).toFixed(1)}" y="${(height - tall).toFixed(1)}" width="${(width / bins - 1).toFixed(1)}" height="${tall.toFixed(1)}"/>`;
  });
  const line =
    threshold === undefined
      ? html``
      : html`<line x1="${x(threshold)}" x2="${x(threshold)}" y1="0" y2="${height}"/><text x="${x(threshold)}" y="12" dx="4">${short(threshold)}</text>`;
  return html`<svg class="histogram" viewBox="0 0 ${width} ${height + 18}" role="img">${columns}${line}
<text x="0" y="${height + 14}">${short(low)}</text><text x="${width}" y="${height + 14}" text-anchor="end">${short(high)}</text></svg>`;
}

const short = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
