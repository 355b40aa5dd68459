/** Fine-tuning for retrieval (ImageBERT §5.3): from a pretrained checkpoint, matching only, on pairs that are known to be good. */
import { join } from 'node:path';
import { modelCost } from '../net/cost.ts';
import type { Ranking } from '../net/objectives/ranking.ts';
import { adamW } from '../runtime/optimizer.ts';
import { readCheckpoint, specialPieces } from './checkpoint.ts';
import type { PretrainProgress, Watch } from './progress.ts';
import { rankFunction, validateRankFunction } from './step.ts';
import { type PretrainSummary, type TrainOptions, train } from './train.ts';

export interface FinetuneOptions
  extends Omit<TrainOptions, 'config' | 'vocabulary' | 'detector' | 'startFrom'>,
    Partial<Ranking> {
  /** The checkpoint, or the run, to start from. */
  readonly checkpoint: string;
}

/** Paper: binary loss, batch 24, learning rate 5e-5. See `train` for what it throws. */
export async function finetune(
  options: FinetuneOptions,
  watch: Watch<PretrainProgress> = {},
): Promise<PretrainSummary> {
  const { loss = 'binary', candidates = 4, margin = 0.2, batchSize = 24, learningRate = 5e-5, ...rest } = options;
  const ranking: Ranking = { loss, candidates, margin };
  const { dir, config, vocabulary, detector, objectives } = readCheckpoint(options.checkpoint);
  const special = specialPieces(vocabulary);
  const setup = { config, special, ranking };
  return train(
    {
      ...rest,
      batchSize,
      learningRate,
      config,
      vocabulary,
      detector,
      startFrom: join(dir, 'model.safetensors'),
    },
    {
      objectives,
      collation: { task: 'finetune', special, ranking },
      train: (role) => rankFunction(setup, options.optimizer ?? adamW, role),
      validate: validateRankFunction(setup),
      flops: ({ pairs, pieces, regions }) => {
        const padded = { ...config, maxPieces: pieces, maxRegions: regions };
        return 3 * pairs * (2 * candidates - 1) * modelCost(padded, objectives).firstFlops;
      },
    },
    watch,
  );
}
