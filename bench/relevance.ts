/**
 * How well relevance scorers agree with people: Flickr8k's judgements of test images (Hodosh et al., JAIR 2013). Experts gave
 * 5,822 pairs three marks of 1 to 4: Kendall's τ_b of a score with their mean, the area under the ROC curve for a mean of
 * 3 or more, and τ_c as it is published (Hessel et al. 2021): over single marks, without the 158 pairs whose caption is the image's
 * own. The crowd said yes or no to 47,830 pairs: τ_b with the share that said yes, and the area for more than half. A scorer is
 * what `lait filter --relevance` takes, `itm:RUN` or `itc:RUN` that head of a run, and A+B the sum of two scorers' ranks.
 *
 *     node --import tsx bench/relevance.ts --text Flickr8k_text --images Flicker8k_Dataset \
 *       --scorer relevance.safetensors --scorer runs/pretrain --scorer itc:runs/pretrain
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configSchema } from '../cli/config.ts';
import { openRelevance } from '../cli/scorers.ts';
import { table } from '../cli/table.ts';
import { random } from '../dataset/random.ts';
import { UserError } from '../dataset/user-error.ts';
import { areaUnderCurve } from '../model/ranking/area-under-curve.ts';
import { tauB, tauC } from './kendall.ts';

const { values: flags } = parseArgs({
  options: {
    text: { type: 'string' },
    images: { type: 'string' },
    scorer: { type: 'string', multiple: true, default: [] },
    /** Without the crowd's judgements, in a fifth of the time. */
    'experts-only': { type: 'boolean', default: false },
  },
});
const { text: textDir, images: imageDir } = flags;
if (!textDir || !imageDir) throw new UserError('Expected --text and --images but received neither; name Flickr8k.');

interface Judged {
  readonly image: string;
  readonly caption: string;
  /** Experts: mean mark, 1 to 4. Crowd: share that said yes, 0 to 1. */
  readonly rating: number;
  readonly marks: readonly number[];
}

const lines = (name: string) => readFileSync(join(textDir, name), 'utf8').trim().split('\n');
const captions = new Map(lines('Flickr8k.token.txt').map((line) => line.split('\t') as [string, string]));
const judged = (name: string, rating: (marks: number[]) => number): Judged[] =>
  lines(name).flatMap((line) => {
    const [image = '', caption = '', ...marks] = line.trim().split('\t');
    const numbers = marks.map(Number);
    return captions.has(caption) ? [{ image, caption, marks: numbers, rating: rating(numbers) }] : [];
  });
const experts = judged('ExpertAnnotations.txt', (marks) => marks.reduce((sum, mark) => sum + mark) / marks.length);
const crowd = flags['experts-only'] ? [] : judged('CrowdFlowerAnnotations.txt', ([yes = 0]) => yes);
const key = ({ image, caption }: Judged) => `${image} ${caption}`;
const pairs = [...new Map([...experts, ...crowd].map((one) => [key(one), one])).values()];

type Scores = ReadonlyMap<string, number>;

/** The share of a caption's words that stand in the image's other captions. */
function wordOverlap(): Scores {
  const wordsOf = (text: string) => text.toLowerCase().match(/[a-z]+/g) ?? [];
  return new Map(
    pairs.map((pair) => {
      const others = [0, 1, 2, 3, 4].map((at) => `${pair.image}#${at}`).filter((id) => id !== pair.caption);
      const known = new Set(others.flatMap((id) => wordsOf(captions.get(id) ?? '')));
      const words = wordsOf(captions.get(pair.caption)!);
      return [key(pair), words.filter((word) => known.has(word)).length / Math.max(1, words.length)];
    }),
  );
}

async function scoresOf(name: string): Promise<{ scores: Scores; perSecond: number }> {
  const [, head, path = name] = /^(itm|itc):(.*)$/.exec(name) ?? [];
  const disposers: (() => void)[] = [];
  const relevance = await openRelevance(path, {
    corpusDir: '.',
    regions: configSchema.parse({}).regions,
    head: head as 'itm' | 'itc' | undefined,
    keep: (model) => {
      disposers.push(() => model.dispose());
      return model;
    },
  });
  const scores = new Map<string, number>();
  const started = performance.now();
  // Pairs of one image follow each other, so that it is looked at once or twice.
  const sorted = pairs.toSorted((a, b) => (a.image < b.image ? -1 : a.image > b.image ? 1 : 0));
  for (let at = 0; at < sorted.length; at += 256) {
    const group = sorted.slice(at, at + 256);
    const found = await relevance.score(
      group.map((pair) => ({
        image: readFileSync(join(imageDir!, pair.image)),
        sha256: pair.image,
        text: captions.get(pair.caption)!,
      })),
    );
    group.forEach((pair, index) => {
      scores.set(key(pair), found[index] ?? 0);
    });
  }
  const perSecond = (1000 * sorted.length) / (performance.now() - started);
  for (const dispose of disposers) dispose();
  return { scores, perSecond };
}

/** Ranks from 0, ties at their mean. */
function ranks(values: readonly number[]): Float64Array {
  const order = values.map((_, at) => at).sort((a, b) => values[a]! - values[b]!);
  const result = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to += 1;
    for (let at = from; at < to; at++) result[order[at]!] = (from + to - 1) / 2;
    from = to;
  }
  return result;
}

const singleMarks = experts
  .filter(({ image, caption }) => caption.split('#')[0] !== image)
  .flatMap((one) => one.marks.map((mark) => ({ one, mark })));

const results = new Map<string, { scores: Scores; perSecond?: number }>();
for (const name of new Set(flags.scorer.flatMap((one) => one.split('+')))) results.set(name, await scoresOf(name));
for (const name of flags.scorer.filter((one) => one.includes('+'))) {
  const parts = name.split('+').map((part) => {
    const { scores } = results.get(part)!;
    return ranks(pairs.map((pair) => scores.get(key(pair))!));
  });
  const sum = pairs.map((pair, at) => [key(pair), parts.reduce((total, part) => total + part[at]!, 0)] as const);
  results.set(name, { scores: new Map(sum) });
}
results.set("words of the image's other captions", { scores: wordOverlap() });
const draw = random(1);
results.set('chance', { scores: new Map(pairs.map((pair) => [key(pair), draw.normal()])) });

/** Of τ_b with the experts, 95 of 100 draws of images with replacement lie between these. */
function interval(scores: Scores): string {
  const byImage = new Map<string, Judged[]>();
  for (const one of experts) byImage.set(one.image, [...(byImage.get(one.image) ?? []), one]);
  const groups = [...byImage.values()];
  const drawing = random(2);
  const found = Array.from({ length: 200 }, () => {
    const drawn = groups.flatMap(() => groups[drawing.below(groups.length)]!);
    return tauB(
      drawn.map((one) => scores.get(key(one))!),
      drawn.map(({ rating }) => rating),
    );
  }).sort((one, other) => one - other);
  return `${found[5]!.toFixed(3)}–${found[194]!.toFixed(3)}`;
}

const rows = [...results].map(([name, { scores, perSecond }]) => {
  const of = (list: readonly Judged[]) => list.map((one) => scores.get(key(one))!);
  const marks = experts.map(({ rating }) => rating);
  const good = marks.map((mark) => mark >= 3);
  const said = crowd.map(({ rating }) => rating > 0.5);
  return [
    name,
    tauB(of(experts), marks).toFixed(3),
    interval(scores),
    areaUnderCurve(of(experts), good).toFixed(3),
    (
      100 *
      tauC(
        of(singleMarks.map(({ one }) => one)),
        singleMarks.map(({ mark }) => mark),
      )
    ).toFixed(1),
    crowd.length === 0
      ? ''
      : (
          100 *
          tauB(
            of(crowd),
            crowd.map(({ rating }) => rating),
          )
        ).toFixed(1),
    crowd.length === 0 ? '' : areaUnderCurve(of(crowd), said).toFixed(3),
    perSecond === undefined ? '' : perSecond.toFixed(0),
  ];
});
console.log(
  `${experts.length} expert judgements, ${crowd.length} of the crowd\n${table(
    [['scorer', 'expert τ_b', '95 %', 'AUC for ≥ 3', 'expert τ_c', 'crowd τ_b', 'crowd AUC', 'pairs/s'], ...rows],
    [0],
  )}`,
);
