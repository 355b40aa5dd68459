/**
 * Multi-stage pretraining (ImageBERT §4.3, Figure 5): the same network on one set of pairs after another, from large and noisy
 * to small and near the goal. Each stage is a run of its own that starts from the parameters of the one before it. What a run's
 * stages are, which are finished and which comes next is decided here and nowhere else.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { UserError } from '../../dataset/user-error.ts';
import { patienceSpent } from './best.ts';
import { bestCheckpoint, checkSameModel, latestCheckpoint, readCheckpoint, weightsName } from './checkpoint.ts';
import { pretrainDefaults } from './defaults.ts';
import { checkMadeFrom, madeFromOf } from './made-from.ts';
import { type PretrainOptions, pretrain, pretrainSettings } from './pretrain.ts';
import type { TrainingProgress, TrainingSummary, Watch } from './progress.ts';
import { lacksRankingAids } from './ranking-aids.ts';
import { requireSame } from './same-run.ts';
import { changedSettings } from './settings.ts';

type Examples = Pick<PretrainOptions, 'source' | 'validation' | 'data'>;

/** What a stage has of its own; everything else is the same in all. */
export interface Stage
  extends Pick<PretrainOptions, 'steps'>,
    Partial<Omit<PretrainOptions, 'runDir' | 'config' | 'steps' | keyof Examples>> {
  /** Its run is `runDir/NAME`. Absent in a run without stages, whose only one is `runDir` itself. */
  readonly name?: string;
  /** Opens its examples when it begins. */
  readonly open: () => Promise<Examples>;
  /** What its examples are by content, without opening them: of one that has begun, to be compared. */
  readonly identify?: () => Promise<PretrainOptions['data']>;
}

/** What all stages have. */
type Shared = Omit<PretrainOptions, 'steps' | keyof Examples>;

export interface StageProgress extends TrainingProgress {
  readonly stage?: string;
}

const listName = 'stages.json';

/**
 * Runs the stages in order; with `resume`, finished ones are passed over and one that has begun goes on; each
 * starts from the best checkpoint of the one before it. Gives the last stage's
 * summary. Throws what `checkStages` and `train` throw.
 */
export async function pretrainStages(
  base: Shared,
  stages: readonly Stage[],
  { onProgress, signal }: Watch<StageProgress> = {},
): Promise<TrainingSummary> {
  checkStages(base.runDir, stages);
  const names = stages.flatMap(({ name }) => name ?? []);
  // Each passes over what it finds finished: a rank without the others' stages would wait for them.
  if (base.ranks) await requireSame(base.ranks, { 'the stages': stages.map(({ name, steps }) => [name, steps]) });
  if (names.length > 0 && (base.ranks === undefined || base.ranks.rank === 0)) {
    makeFolder(base.runDir);
    writeFileAtomic(join(base.runDir, listName), `${JSON.stringify(names)}\n`);
  }
  const done = base.resume && names.length > 0 ? await checkBegun(base, stages) : undefined;
  let startFrom = base.startFrom;
  let summary: TrainingSummary | undefined;
  for (const { name, open, identify: _, ...own } of stages) {
    const runDir = name === undefined ? base.runDir : join(base.runDir, name);
    const ended = done?.get(name);
    // One that was killed behind its last step makes up for what is missing, if it holds pairs out for that: then it has a best
    // checkpoint. Not with other ranks: these read no held-out pairs, and would pass over what the first begins.
    const isWhole = base.ranks || !ended?.best || !lacksAids(ended);
    const examples = ended && isWhole ? undefined : await open();
    const finished = (examples?.validation ?? []).length < 2 ? ended : undefined;
    if (finished) await examples?.source.close();
    summary =
      finished ??
      (await pretrain(
        { ...base, ...own, ...examples!, runDir, ...(startFrom !== undefined && { startFrom }) },
        {
          ...(signal && { signal }),
          onProgress: (progress) => onProgress?.({ ...progress, ...(name !== undefined && { stage: name }) }),
        },
      ));
    if (summary.stopped) return summary;
    startFrom = weightsAfter(summary);
  }
  return summary as TrainingSummary;
}

/**
 * Throws a UserError for no stages, for two of one name, and where the run at `runDir` has begun with stages and has none now, or
 * the other way round.
 */
export function checkStages(runDir: string, stages: readonly Pick<Stage, 'name'>[]): void {
  const names = stages.map(({ name }) => name);
  if (names.length === 0)
    throw new UserError('Expected at least one stage for pretraining but received none; list them.');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UserError(`Expected stages of different names but received ${twice} twice; rename one.`);
  const staged = names[0] !== undefined;
  if (staged && latestCheckpoint(runDir))
    throw new UserError(
      `Expected a run with stages at ${runDir} but received one without; go on without stages or choose another run.`,
    );
  if (!staged && latestStage(runDir) !== runDir)
    throw new UserError(
      `Expected a run without stages at ${runDir} but received one with; give its stages or another run.`,
    );
}

/** The folder whose checkpoints stand for a run: its own or, for a run with stages, that of the newest stage with a checkpoint. */
export function latestStage(runDir: string): string {
  const list = join(runDir, listName);
  if (!existsSync(list)) return runDir;
  const names = JSON.parse(readFileSync(list, 'utf8')) as string[];
  const begun = names.map((name) => join(runDir, name)).filter((dir) => latestCheckpoint(dir) !== undefined);
  return begun.at(-1) ?? runDir;
}

/**
 * Compares the stages that have begun with what they are to be, before any of them trains, and throws what a run without stages throws. Gives
 * those that have no step left to do, by name.
 */
async function checkBegun(base: Shared, stages: readonly Stage[]): Promise<ReadonlyMap<unknown, TrainingSummary>> {
  const found = new Map<unknown, TrainingSummary>();
  const all = stages.map((stage) => {
    const dir = latestCheckpoint(join(base.runDir, stage.name!));
    return { stage, dir, ended: dir === undefined ? undefined : endOf(dir, { ...base, ...stage }) };
  });
  let startFrom = base.startFrom;
  let isStartKnown = true;
  for (const [at, { stage, dir, ended }] of all.entries()) {
    const { name, open: _, identify, ...own } = stage;
    const options = { ...base, ...own };
    if (dir !== undefined) {
      const checkpoint = readCheckpoint(dir);
      checkSameModel(checkpoint, { ...options, objectives: options.objectives ?? pretrainDefaults.objectives });
      if (ended) {
        // What all stages share is heeded by a later one that has steps left to do.
        const isHeeded = all.slice(at + 1).some((later) => later.ended === undefined);
        const ofItsOwn = { ...own, ...own.objectives };
        const heard = Object.entries(pretrainSettings(options)).filter(([setting]) => !isHeeded || setting in ofItsOwn);
        changedSettings({ dir, was: checkpoint.state }, Object.fromEntries(heard), options);
      }
      const madeFrom = madeFromOf({ data: await identify?.(), startFrom });
      const is = madeFrom && (isStartKnown ? madeFrom : { ...madeFrom, start: 'those of a stage that trains on' });
      if (is) checkMadeFrom({ dir, was: checkpoint.madeFrom, is }, base.dataChanged);
      if (ended) found.set(name, ended);
    }
    isStartKnown = ended !== undefined;
    startFrom = ended && weightsAfter(ended);
  }
  return found;
}

/** What the stage after it starts from. */
const weightsAfter = ({ best, checkpoint }: TrainingSummary): string =>
  join(best?.checkpoint ?? checkpoint, weightsName);

const lacksAids = ({ checkpoint, best }: TrainingSummary): boolean =>
  lacksRankingAids([checkpoint, best?.checkpoint ?? checkpoint], readCheckpoint(checkpoint).objectives);

/** The summary of a stage that has done all its steps or is out of patience; undefined where some are left. */
function endOf(
  checkpoint: string,
  { steps, patience }: Pick<PretrainOptions, 'steps' | 'patience'>,
): TrainingSummary | undefined {
  const { state } = readCheckpoint(checkpoint);
  const outOfPatience = state.step < steps && patienceSpent(state.best, patience);
  if (state.step < steps && !outOfPatience) return undefined;
  const best = bestCheckpoint(dirname(dirname(checkpoint)));
  return { steps: state.step, stopped: false, outOfPatience, checkpoint, ...(best && { best }), compiled: true };
}
