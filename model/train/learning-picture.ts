/**
 * Draws how a run learned, from its log: of each objective the loss and the accuracy, training as a line and held-out pairs as dots;
 * recall of held-out pairs, margins of matching and gradient norms by part; and the best checkpoint as an upright line.
 */
import { basename, join } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { objectiveNames } from '../net/objective.ts';
import { modelParts } from './gradient-parts.ts';
import { type LoggedReport, readRunLog } from './run-log.ts';

export const pictureName = 'learning.svg';

/** Writes `runDir/learning.svg`. */
export function drawLearning(runDir: string): void {
  const reports = readRunLog(runDir);
  if (reports.length > 0) writeFileAtomic(join(runDir, pictureName), learningPicture(reports, basename(runDir)));
}

type Point = readonly [step: number, value: number];

interface Series {
  /** Absent where a panel has one thing to show. */
  readonly name?: string;
  readonly points: readonly Point[];
  readonly dots?: true;
}

interface Panel {
  readonly label: string;
  readonly series: readonly Series[];
  /** Values are shares; the axis begins at 0. */
  readonly percent?: true;
}

const [width, height, left, top, across, down] = [190, 120, 46, 64, 254, 186];

/** An SVG of the reports, oldest first. */
export function learningPicture(reports: readonly LoggedReport[], title: string): string {
  const points = (of: (report: LoggedReport) => number | undefined): Point[] =>
    reports.flatMap((report) => {
      const value = of(report);
      return value === undefined || !Number.isFinite(value) ? [] : [[report.step, value] as const];
    });
  const both = (of: (measures: Pick<LoggedReport, 'losses' | 'accuracies'>) => number | undefined): Series[] => [
    { points: smooth(points(of)) },
    { points: points(({ validation }) => validation && of(validation)), dots: true },
  ];
  const heldOut = (name: string, of: (measured: NonNullable<LoggedReport['validation']>) => number | undefined) => ({
    name,
    points: points(({ validation }) => validation && of(validation)),
    dots: true as const,
  });
  const panels: Panel[] = [
    ...objectiveNames.map((name) => ({ label: `${name}: loss`, series: both(({ losses }) => losses[name]) })),
    ...objectiveNames.map((name) => ({
      ...{ label: `${name}: accuracy`, percent: true as const },
      series: both(({ accuracies }) => accuracies[name]),
    })),
    ...(['image', 'text'] as const).map((found) => ({
      ...{
        label: found === 'image' ? 'recall: image for a text' : 'recall: text for an image',
        percent: true as const,
      },
      series: (['r1', 'r5', 'r10'] as const).map((at) =>
        heldOut(`@${at.slice(1)}`, ({ retrieval }) => retrieval?.[found][at]),
      ),
    })),
    {
      label: 'matching: mean logits',
      series: (['true', 'random', 'hard'] as const).map((kind) => heldOut(kind, ({ margins }) => margins?.[kind])),
    },
    {
      label: 'norm of the gradients',
      series: modelParts.map((part) => ({ name: part, points: smooth(points((one) => one.gradientNorms?.[part])) })),
    },
    { label: 'temperature', series: [{ points: points(({ validation }) => validation?.temperature), dots: true }] },
  ];
  const shown = panels.filter(({ series }) => series.some((one) => one.points.length > 0));
  const best = reports.findLast((report) => report.best)?.best;
  const lastStep = reports.at(-1)!.step;
  const columns = 5;
  const wide = left + columns * across;
  const tall = top + Math.ceil(shown.length / columns) * down;
  const heading = `${title}${best ? `, best: step ${best.step} by ${best.by}` : ''}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${tall}" width="${wide}" height="${tall}" role="img" aria-label="${escaped(heading)}">
<style>
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2430 } .title { font-size: 16px; font-weight: 650 }
  .name { font-weight: 600 } .axis { font-size: 10.5px; fill: #4a5162 } .frame { fill: none; stroke: #b9ac8f }
  polyline { fill: none; stroke-width: 1.8 } .best { stroke: #7a6a3a; stroke-dasharray: 4 3 }
  .line0 { stroke: #5d8a74 } .line1 { stroke: #b4552d } .line2 { stroke: #50699b } .line3 { stroke: #8a5d86 }
  .dot0 { fill: #5d8a74 } .dot1 { fill: #b4552d } .dot2 { fill: #50699b } .dot3 { fill: #8a5d86 }
  @media (prefers-color-scheme: dark) { text { fill: #e8e6e1 } .axis { fill: #b4b8c2 } }
</style>
<text class="title" x="${left}" y="26">${escaped(heading)}</text><text class="axis" x="${wide - 20}" y="26" text-anchor="end">line: training pairs, dots: held-out pairs, dashed: the best checkpoint</text>
${shown.map((panel, at) => drawn(panel, at, { columns, lastStep, bestStep: best?.step })).join('\n')}
</svg>
`;
}

interface Drawing {
  readonly columns: number;
  readonly lastStep: number;
  readonly bestStep: number | undefined;
}

function drawn({ label, series, percent }: Panel, at: number, { columns, lastStep, bestStep }: Drawing): string {
  const values = series.flatMap(({ points }) => points.map(([, value]) => value));
  const low = percent ? 0 : values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), percent ? 0.1 : -Infinity);
  const x = (step: number) => ((step / lastStep) * width).toFixed(1);
  const y = (value: number) => (height - ((value - low) / (high - low || 1)) * height).toFixed(1);
  const axis = (value: number) => (percent ? `${Math.round(100 * value)} %` : value.toPrecision(3));
  const marks = series.map(({ points, dots }, index) => {
    // Dots beside one line are told from it by their colour.
    const colour = dots && series[0]?.dots === undefined ? index : index % 4;
    if (dots) return points.map(([step, value]) => `<circle class="dot${colour}" cx="${x(step)}" cy="${y(value)}" r="2.6"/>`).join(''); // biome-ignore format: one line
    return `<polyline class="line${colour}" points="${points.map(([step, value]) => `${x(step)},${y(value)}`).join(' ')}"/>`;
  });
  const named = series.flatMap(({ name }, index) => (name === undefined ? [] : [`<tspan class="dot${index % 4}" dx="6">${name}</tspan>`])); // biome-ignore format: one line
  const best = bestStep === undefined ? '' : `<line class="best" x1="${x(bestStep)}" x2="${x(bestStep)}" y2="${height}"/>`; // biome-ignore format: one line
  return `<g transform="translate(${left + (at % columns) * across} ${top + Math.floor(at / columns) * down})">
<text class="name" y="-10">${label}</text><rect class="frame" width="${width}" height="${height}"/>${best}
${marks.join('')}
<text class="axis" x="-6" y="10" text-anchor="end">${axis(high)}</text><text class="axis" x="-6" y="${height}" text-anchor="end">${axis(low)}</text>
<text class="axis" y="${height + 15}">0</text><text class="axis" x="${width}" y="${height + 15}" text-anchor="end">${lastStep} steps</text>${named.length === 0 ? '' : `<text class="axis" x="-6" y="${height + 30}">${named.join('')}</text>`}</g>`;
}

/** The mean of so many reports around each, so that a trend shows through the batches' noise. */
function smooth(points: readonly Point[], reach = 3): Point[] {
  return points.map(([step], at) => {
    const near = points.slice(Math.max(0, at - reach), at + reach + 1);
    return [step, near.reduce((sum, [, value]) => sum + value, 0) / near.length];
  });
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
