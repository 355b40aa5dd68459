/**
 * Whether the chance that relevance gives to a pair is the share of such pairs that are right: a map as `lait train-relevance` fits and
 * calibrates it, from the training images of a corpus, and pairs of its test split, as many right as wrong ones; wrong texts are of
 * any other image, or of one that looks alike. Prints the curve, and draws it.
 *
 *     node --import tsx bench/calibration.ts CORPUS [--out docs/calibration.svg]
 *
 * Features and texts as in closing-loop.ts.
 */
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { random } from '../dataset/random.ts';
import { chooseLambda, fitLinearMap, pairedCosines } from '../model/ranking/linear-map.ts';
import { calibrate, chanceOf, rightAndWrong } from '../model/scorers/calibration.ts';
import { looksAlike, pairsOf, space } from './captioned-features.ts';

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } });
const [corpus] = positionals;
if (corpus === undefined) throw new Error('Expected a corpus with the splits train and test but received none.');

const train = await pairsOf(corpus, 'train', 1);
const test = await pairsOf(corpus, 'test', 5);
const { lambda, cosines, owner } = await chooseLambda(train, space);
const map = await fitLinearMap(train, space, lambda);
const curve = calibrate(rightAndWrong(cosines, owner));

const scores = (partner: (image: number) => number): number[] =>
  pairedCosines(
    map,
    test.flatMap(({ feature, texts }) => texts.map(() => feature)),
    test.flatMap(({ texts }, image) =>
      texts.map((_, at) => test[partner(image)]!.texts[at % test[partner(image)]!.texts.length]!),
    ),
  );
const right = scores((image) => image);
const draw = random(0);
const alike = looksAlike(test, random(1));
const partners = test.map((_, image) => alike(image));
const kinds = {
  "any other image's": scores((image) => (image + 1 + draw.below(test.length - 1)) % test.length),
  'of an image that looks alike': scores((image) => partners[image]!),
};

const bins = 10;
interface Bin {
  readonly count: number;
  /** Of the chances. */
  readonly mean: number;
  readonly right: number;
}

function binsOf(wrong: readonly number[], chance: (score: number) => number): Bin[] {
  const all = [...right.map((one) => [chance(one), 1] as const), ...wrong.map((one) => [chance(one), 0] as const)];
  return Array.from({ length: bins }, (_, bin) => {
    const own = all.filter(([value]) => Math.min(bins - 1, Math.max(0, Math.floor(value * bins))) === bin);
    const mean = (of: 0 | 1) => own.reduce((sum, one) => sum + one[of], 0) / own.length;
    return { count: own.length, mean: mean(0), right: mean(1) };
  });
}

/** Expected calibration error (Naeini et al. 2015): how far chances and shares are apart, on average over the pairs. */
const error = (found: readonly Bin[]): number => {
  const total = found.reduce((sum, { count }) => sum + count, 0);
  return found.reduce(
    (sum, { count, mean, right: share }) => sum + (count ? (count / total) * Math.abs(mean - share) : 0),
    0,
  );
};

const chance = (score: number) => chanceOf(curve, score);
const curves = Object.entries(kinds).map(([name, wrong]) => ({
  name,
  found: binsOf(wrong, chance),
  raw: binsOf(wrong, (score) => (1 + score) / 2),
}));
console.log(`λ ${lambda}, slope ${curve.slope.toFixed(2)}, bias ${curve.bias.toFixed(2)}`);
console.log(
  `| wrong text | ${curves[0]!.found.map((_, bin) => `${bin / bins}–${(bin + 1) / bins}`).join(' | ')} | error | of (1 + cosine) / 2 |`,
);
console.log(`|---|${'---|'.repeat(bins)}---|---|`);
for (const { name, found, raw } of curves)
  console.log(
    `| ${name} | ${found.map((bin) => (bin.count ? `${(100 * bin.right).toFixed(0)} % of ${bin.count}` : '')).join(' | ')} | ${error(found).toFixed(3)} | ${error(raw).toFixed(3)} |`,
  );

const side = 240;
const x = (share: number) => (46 + side * share).toFixed(1);
const y = (share: number) => (44 + side * (1 - share)).toFixed(1);
const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 330" width="600" height="330" role="img" aria-label="chance of relevance beside the share of right pairs">
<style>
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2430 } .title { font-size: 16px; font-weight: 650 }
  .axis { font-size: 10.5px; fill: #4a5162 } .frame { fill: none; stroke: #b9ac8f } .even { stroke: #b9ac8f; stroke-dasharray: 4 3 }
  polyline { fill: none; stroke-width: 1.8 } .c0 { stroke: #5d8a74; fill: #5d8a74 } .c1 { stroke: #b4552d; fill: #b4552d } polyline.c0, polyline.c1 { fill: none }
  @media (prefers-color-scheme: dark) { text { fill: #e8e6e1 } .axis { fill: #b4b8c2 } .c0 { stroke: #8fc0a8; fill: #8fc0a8 } .c1 { stroke: #e08a63; fill: #e08a63 } }
</style>
<text class="title" x="46" y="26">Is a chance of 0.8 right four times of five?</text>
<rect class="frame" x="46" y="44" width="${side}" height="${side}"/><line class="even" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/>
${[0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => `<text class="axis" x="${x(share)}" y="298" text-anchor="middle">${share}</text><text class="axis" x="40" y="${y(share)}" dy="4" text-anchor="end">${share}</text>`).join('\n')}
<text class="axis" x="166" y="318" text-anchor="middle">the chance that relevance gives</text><text class="axis" x="12" y="164" text-anchor="middle" transform="rotate(-90 12 164)">share of right pairs</text>
${curves
  .map(({ name, found }, at) => {
    const points = found.filter(({ count }) => count > 0);
    return `<polyline class="c${at}" points="${points.map(({ mean, right: share }) => `${x(mean)},${y(share)}`).join(' ')}"/>
${points.map(({ mean, right: share, count }) => `<circle class="c${at}" cx="${x(mean)}" cy="${y(share)}" r="3"><title>${count} pairs</title></circle>`).join('')}
<circle class="c${at}" cx="306" cy="${66 + 34 * at}" r="3"/><text x="316" y="${70 + 34 * at}">wrong texts: ${name}</text><text class="axis" x="316" y="${84 + 34 * at}">${error(found).toFixed(3)} apart on average</text>`;
  })
  .join('\n')}
</svg>
`;
if (flags.out !== undefined) writeFileAtomic(flags.out, picture);
