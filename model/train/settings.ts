/**
 * The settings that a run learns by. Its checkpoints have them, so that one who goes on with others hears what changes, and nobody's
 * setting is passed over in silence.
 */
import { UserError } from '../../dataset/user-error.ts';
import { patienceSpent } from './best.ts';
import { pretrainDefaults } from './defaults.ts';
import type { TrainOptions } from './options.ts';
import type { Best, RunSettings } from './progress.ts';

/** What every run has; `own` is what its task has beside that. */
export function settingsOf(options: Omit<TrainOptions, 'source'>, own: RunSettings): RunSettings {
  const all = { ...pretrainDefaults, ...options };
  return {
    ...{ steps: all.steps, batchSize: all.batchSize, accumulate: all.accumulate, learningRate: all.learningRate },
    ...{ learningRateDecay: all.learningRateDecay, encoderRate: all.encoderRate ?? 1, maxGradNorm: all.maxGradNorm },
    ...{ ema: all.ema, precision: all.precision },
    ...own,
  };
}

/** Where a run stands, as its checkpoint says. */
interface Stand {
  readonly step: number;
  readonly seed: number;
  readonly best?: Best;
  /** Missing in checkpoints of older versions. */
  readonly settings?: RunSettings;
}

/**
 * How the settings differ from those of the run, a part of a sentence each. Throws a UserError for another seed, by which nothing can go on, and for what
 * has no effect since the run has ended.
 */
export function changedSettings(
  { dir, was }: { readonly dir: string; readonly was: Stand },
  is: RunSettings,
  { seed, patience }: Pick<TrainOptions, 'seed' | 'patience'>,
): string[] {
  if (seed !== undefined && seed !== was.seed) {
    throw new UserError(
      `Expected ${was.seed} for seed, as ${dir} has it, but received ${seed}; give --seed ${was.seed} to go on, or another --run to begin anew.`,
    );
  }
  const steps = Number(is.steps);
  const before = was.settings ?? {};
  const changed = (names: readonly string[]): string[] =>
    names.flatMap((name) =>
      before[name] === undefined || before[name] === is[name] ? [] : [`${name} ${before[name]} → ${is[name]}`],
    );
  const isSpent = was.step < steps && patienceSpent(was.best, patience);
  if (was.step < steps && !isSpent) return changed(Object.keys(is));
  const ignored = [
    ...(was.step > steps ? [`steps ${steps}, where ${was.step} are made`] : []),
    ...changed(Object.keys(is).filter((name) => name !== 'steps' || isSpent)),
  ];
  if (ignored.length === 0) return [];
  const advice = isSpent ? 'a larger --patience, or none, goes on' : `--steps above ${was.step} goes on`;
  throw new UserError(
    `Expected the settings that ${dir} has ended with but received others: ${ignored.join(', ')}; ${advice}, and another --run begins anew.`,
  );
}
