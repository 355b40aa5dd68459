/** Pretraining (ImageBERT §4.2): the paper's four objectives together, and ITC beside them where it is asked for. */
import { specialPieceIds } from '../data/tokenizer.ts';
import type { ModelConfig } from '../net/config.ts';
import { modelCost } from '../net/cost.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import { objectives } from '../net/imagebert.ts';
import { checkObjectives, type ObjectiveWeights } from '../net/objective.ts';
import { pretrainDefaults } from './defaults.ts';
import type { TrainOptions } from './options.ts';
import type { RunSettings, TrainingProgress, TrainingSummary, Watch } from './progress.ts';
import { settingsOf } from './settings.ts';
import type { Loss } from './step.ts';
import { train } from './train.ts';

export interface PretrainOptions extends TrainOptions {
  readonly objectives?: ObjectiveWeights;
  /** Regions that overlap a hidden one by more are hidden too. ViLBERT: 0.4; 1 turns it off. */
  readonly maxOverlap?: number;
  /** ITM's wrong pairs are those that ITC finds similar, twice as many (ALBEF). Needs ITC. */
  readonly hardNegatives?: boolean;
  /** ITM and ITC read pairs of which nothing is hidden, in a pass of their own (ALBEF); else the pass of the masked objectives (ImageBERT). Where ITC is on unless given. */
  readonly cleanMatching?: boolean;
  /** Where the vocabulary was learned, how many pieces were asked for; few texts give fewer. Checkpoints have it. */
  readonly vocabularySize?: number;
}

/** Trains on the objectives whose weight is not 0; see `train` for what it throws. */
export async function pretrain(
  options: PretrainOptions,
  watch: Watch<TrainingProgress> = {},
): Promise<TrainingSummary> {
  const { config, vocabulary, objectives, hardNegatives, maxOverlap = 0.4 } = { ...pretrainDefaults, ...options };
  const cleanMatching = options.cleanMatching ?? objectives.itc > 0;
  checkObjectives(objectives, { hardNegatives });
  const setup = { config, special: specialPieceIds(vocabulary), objectives };
  return train(
    options,
    {
      objectives,
      collation: { task: 'pretrain', ...setup, maxOverlap, hardNegatives, cleanMatching },
      loss: pretrainLoss(setup),
      settings: ownSettings(options),
      flops: ({ pairs, pieces, regions }) => {
        const padded = { ...config, maxPieces: pieces, maxRegions: regions };
        return pairs * modelCost(padded, objectives, { hardNegatives, cleanMatching }).trainingFlops;
      },
    },
    watch,
  );
}

type Learning = Omit<PretrainOptions, 'source'>;

/** What it learns by beside what every run has. */
const ownSettings = (options: Learning): RunSettings => {
  const { objectives, hardNegatives, vocabularySize } = { ...pretrainDefaults, ...options };
  return {
    ...objectives,
    hardNegatives,
    cleanMatching: options.cleanMatching ?? objectives.itc > 0,
    ...(vocabularySize !== undefined && { vocabularySize }),
  };
};

/** The settings that such a run learns by. */
export const pretrainSettings = (options: Learning): RunSettings => settingsOf(options, ownSettings(options));

export interface PretrainSetup {
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly objectives: ObjectiveWeights;
}

/** The losses of a `trainingBatch`. */
export const pretrainLoss = ({ config, special, objectives: weights }: PretrainSetup): Loss => ({
  weights,
  objectives: (inputs, parameters, drop, peers) =>
    objectives({ parameters, config, special }, weights, inputs, { drop, peers }),
});
