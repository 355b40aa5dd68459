/**
 * Draws how a run learned: each loss and accuracy over its steps, training as a line and held-out pairs as dots, from the
 * TensorBoard scalars that the run wrote.
 *
 *     node --import tsx bench/learning.ts CORPUS/runs/NAME "title" > docs/learning.svg
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

const [run, title = ''] = process.argv.slice(2);
if (run === undefined) throw new Error('Expected the folder of a run but received none; give CORPUS/runs/NAME.');

type Point = readonly [step: number, value: number];

/** Points by tag. A run that was stopped and went on has several files; a step that came twice counts once. */
function readScalars(folder: string): Map<string, Point[]> {
  const { root } = protobuf.parse(`syntax = "proto3";
    message Value { string tag = 1; float simple_value = 2; }
    message Summary { repeated Value value = 1; }
    message Event { int64 step = 2; Summary summary = 5; }`);
  const Event = root.lookupType('Event');
  const steps = new Map<string, Map<number, number>>();
  for (const name of readdirSync(folder)
    .filter((one) => one.includes('tfevents'))
    .sort()) {
    const bytes = readFileSync(join(folder, name));
    // A record: its length, a checksum of that, the event, a checksum of it.
    for (let at = 0; at + 12 <= bytes.length; ) {
      const length = Number(bytes.readBigUInt64LE(at));
      if (at + 16 + length > bytes.length) break;
      const event = Event.toObject(Event.decode(bytes.subarray(at + 12, at + 12 + length)), { longs: Number });
      for (const { tag, simpleValue } of event.summary?.value ?? []) {
        if (!steps.has(tag)) steps.set(tag, new Map());
        steps.get(tag)!.set(event.step ?? 0, simpleValue ?? 0);
      }
      at += 16 + length;
    }
  }
  return new Map([...steps].map(([tag, points]) => [tag, [...points].sort(([one], [other]) => one - other)]));
}

const scalars = readScalars(join(run, 'tensorboard'));
const names = ['mlm', 'moc', 'mrfr', 'itm', 'itc'].filter((name) => scalars.has(`loss/${name}`));
const words: Readonly<Record<string, string>> = {
  mlm: 'masked words',
  moc: 'masked object classes',
  mrfr: 'masked region features',
  itm: 'image-text matching',
  itc: 'image-text contrast',
};
const [width, height, gap, left, top] = [190, 120, 34, 46, 64];
const lastStep = Math.max(...[...scalars.values()].flat().map(([step]) => step));

/** The mean of so many reports around each, so that a trend shows through the batches' noise. */
function smooth(points: readonly Point[], reach = 3): Point[] {
  return points.map(([step], at) => {
    const near = points.slice(Math.max(0, at - reach), at + reach + 1);
    return [step, near.reduce((sum, [, value]) => sum + value, 0) / near.length];
  });
}

function panel(tag: string, label: string, column: number, row: number, percent: boolean): string {
  const line = smooth(scalars.get(tag) ?? []);
  const dots = scalars.get(`validation/${tag}`) ?? [];
  const values = [...line, ...dots].map(([, value]) => value);
  const low = percent ? 0 : Math.min(...values);
  const high = percent ? Math.max(0.1, ...values) : Math.max(...values);
  const x = (step: number) => ((step / lastStep) * width).toFixed(1);
  const y = (value: number) => (height - ((value - low) / (high - low || 1)) * height).toFixed(1);
  const shown = (value: number) => (percent ? `${Math.round(100 * value)} %` : value.toFixed(2));
  const path = line.map(([step, value]) => `${x(step)},${y(value)}`).join(' ');
  const circles = dots.map(([step, value]) => `<circle cx="${x(step)}" cy="${y(value)}" r="2.6"/>`).join('');
  return `<g transform="translate(${left + column * (width + gap + 30)} ${top + row * (height + 74)})">
<text class="name" y="-10">${label}</text><rect class="frame" width="${width}" height="${height}"/>
<polyline points="${path}"/>${circles}
<text class="axis" x="-6" y="10" text-anchor="end">${shown(high)}</text><text class="axis" x="-6" y="${height}" text-anchor="end">${shown(low)}</text>
<text class="axis" y="${height + 15}">0</text><text class="axis" x="${width}" y="${height + 15}" text-anchor="end">${lastStep} steps</text></g>`;
}

const panels = names.flatMap((name, column) => [
  panel(`loss/${name}`, `${words[name]}: loss`, column, 0, false),
  ...(scalars.has(`accuracy/${name}`) ? [panel(`accuracy/${name}`, 'accuracy', column, 1, true)] : []),
]);
const [wide, tall] = [left + names.length * (width + gap + 30), top + 2 * (height + 74) - 20];
const escaped = title.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${tall}" width="${wide}" height="${tall}" role="img" aria-label="${escaped}">
<style>
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2430 } .title { font-size: 16px; font-weight: 650 }
  .name { font-weight: 600 } .axis { font-size: 10.5px; fill: #4a5162 } .frame { fill: none; stroke: #b9ac8f }
  polyline { fill: none; stroke: #5d8a74; stroke-width: 1.8 } circle { fill: #b4552d }
  @media (prefers-color-scheme: dark) { text { fill: #e8e6e1 } .axis { fill: #b4b8c2 } polyline { stroke: #8fc0a8 } circle { fill: #e08a63 } }
</style>
<text class="title" x="${left}" y="26">${escaped}</text><text class="axis" x="${wide - 20}" y="26" text-anchor="end">line: training pairs, dots: held-out pairs</text>
${panels.join('\n')}
</svg>`);
