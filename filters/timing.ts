/**
 * What each rule costs while a corpus is judged: the same recipe with a clock around every rule, and around the decoding of
 * pictures, which the first rule on pixels would otherwise pay for the others.
 */
import type { Pair } from '../dataset/pair.ts';
import type { Filter, ImageSample, ScoredFilter } from './filter.ts';
import type { Recipe } from './recipe.ts';
import type { Cleaner } from './text/clean.ts';

export interface RuleTime {
  /** Texts, images or pairs that the rule was asked about; verdicts and scores that stood are not among them. */
  readonly asked: number;
  /** Estimated from one call of sixteen where calls are single. */
  readonly ms: number;
}

/** The name under which decoding is counted. */
export const decoding = 'decode';

/** A clock costs as much as a cheap rule: one call of so many is timed. */
const every = 16;

/** The recipe with clocks, and what they show, by rule; rules that were not asked are not in it. */
export function timed(recipe: Recipe): { readonly recipe: Recipe; readonly times: ReadonlyMap<string, RuleTime> } {
  const times = new Map<string, { asked: number; ms: number }>();
  const add = (rule: string, asked: number, ms: number) => {
    const time = times.get(rule);
    if (!time) times.set(rule, { asked, ms });
    else {
      time.asked += asked;
      time.ms += ms;
    }
  };
  const { preset, clean, text, image, scored, corpus } = recipe;
  return {
    recipe: {
      ...(preset && { preset }),
      ...(clean && { clean: timedCleaner(clean, add) }),
      text: text.map((rule) => timedFilter(rule, add)),
      image: image.map((rule) => timedFilter(rule, add)),
      ...(scored && { scored: scored.map((rule) => timedScore(rule, add)) }),
      corpus: corpus.map((rule) => ({
        ...rule,
        async drops(ledger, signal) {
          const started = performance.now();
          const drops = await rule.drops(ledger, signal);
          add(rule.name, 0, performance.now() - started);
          return drops;
        },
      })),
    },
    times,
  };
}

type Add = (rule: string, asked: number, ms: number) => void;

function timedCleaner(rule: Cleaner, add: Add): Cleaner {
  let calls = 0;
  return {
    ...rule,
    clean: (text) => {
      const isTimed = calls % every === 0;
      calls += 1;
      if (!isTimed) {
        add(rule.name, 1, 0);
        return rule.clean(text);
      }
      const started = performance.now();
      const cleaned = rule.clean(text);
      add(rule.name, 1, every * (performance.now() - started));
      return cleaned;
    },
  };
}

function timedFilter<In extends Pair>(rule: Filter<In>, add: Add): Filter<In> {
  let calls = 0;
  return {
    ...rule,
    judge: (sample) => {
      const isTimed = calls % every === 0;
      calls += 1;
      if (!isTimed) {
        add(rule.name, 1, 0);
        return rule.judge(sample);
      }
      const started = performance.now();
      const verdict = rule.judge(sample);
      add(rule.name, 1, every * (performance.now() - started));
      return verdict;
    },
  };
}

function timedScore(rule: ScoredFilter, add: Add): ScoredFilter {
  return {
    ...rule,
    score: async (samples) => {
      const decoder = decodingClock();
      const started = performance.now();
      const scores = await rule.score(samples.map(decoder.watch));
      add(rule.name, samples.length, performance.now() - started - decoder.ms());
      if (decoder.decoded() > 0) add(decoding, decoder.decoded(), decoder.ms());
      return scores;
    },
  };
}

/** Pictures that are decoded already, by any rule: to ask for them again costs nothing. */
const known = new WeakSet<ImageSample['pixels']>();

/** The time during which at least one picture is being decoded. */
function decodingClock() {
  let [open, since, total, decoded] = [0, 0, 0, 0];
  return {
    watch: (sample: ImageSample): ImageSample => ({
      ...sample,
      pixels: async () => {
        if (known.has(sample.pixels)) return sample.pixels();
        known.add(sample.pixels);
        decoded += 1;
        if (open === 0) since = performance.now();
        open += 1;
        try {
          return await sample.pixels();
        } finally {
          open -= 1;
          if (open === 0) total += performance.now() - since;
        }
      },
    }),
    ms: () => total,
    decoded: () => decoded,
  };
}
