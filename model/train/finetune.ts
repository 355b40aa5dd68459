/** Fine-tuning for retrieval (ImageBERT §5.3): from a pretrained checkpoint, matching only, on pairs that are known to be good. */
import { join } from 'node:path';
import { specialPieceIds } from '../data/tokenizer.ts';
import type { ModelConfig } from '../net/config.ts';
import { modelCost } from '../net/cost.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import { matchPairs } from '../net/imagebert.ts';
import { type Ranking, rank } from '../net/objectives/ranking.ts';
import { tf } from '../runtime/backend.ts';
import { readCheckpoint } from './checkpoint.ts';
import { finetuneDefaults } from './defaults.ts';
import type { TrainOptions } from './options.ts';
import type { TrainingProgress, TrainingSummary, Watch } from './progress.ts';
import type { Loss } from './step.ts';
import { train } from './train.ts';

export interface FinetuneOptions
  extends Omit<TrainOptions, 'config' | 'vocabulary' | 'tokenizer' | 'detector' | 'startFrom'>,
    Partial<Ranking> {
  /** The checkpoint, or the run, to start from. */
  readonly checkpoint: string;
}

/** Paper: binary loss, batch 24, learning rate 5e-5. See `train` for what it throws. */
export async function finetune(
  options: FinetuneOptions,
  watch: Watch<TrainingProgress> = {},
): Promise<TrainingSummary> {
  const { loss, candidates, margin, batchSize, learningRate, ...rest } = { ...finetuneDefaults, ...options };
  const { dir, config, vocabulary, tokenizer, detector, objectives } = readCheckpoint(options.checkpoint);
  const ranking = { loss, candidates, margin };
  const special = specialPieceIds(vocabulary);
  return train(
    {
      ...rest,
      batchSize,
      learningRate,
      config,
      vocabulary,
      tokenizer,
      detector,
      startFrom: join(dir, 'model.safetensors'),
    },
    {
      objectives,
      collation: { task: 'finetune', special, ranking },
      loss: rankingLoss({ config, special, ranking }),
      settings: ranking,
      flops: ({ pairs, pieces, regions }) => {
        const padded = { ...config, maxPieces: pieces, maxRegions: regions };
        return 3 * pairs * (2 * candidates - 1) * modelCost(padded, objectives).firstFlops;
      },
    },
    watch,
  );
}

interface FinetuneSetup {
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly ranking: Ranking;
}

/** The loss of a batch with `rankingArrays`, and how often the true pair scores best. */
const rankingLoss = ({ config, special, ranking }: FinetuneSetup): Loss => ({
  weights: { itm: 1 },
  objectives: (inputs, parameters, drop) => {
    const counts = inputs.rankCounts!; // [N, 2 P − 1]
    const logits = tf.reshape(matchPairs({ parameters, config, special }, inputs, drop), counts.shape); // [N, 2 P − 1]
    return { itm: rank(logits, counts, ranking) };
  },
});
