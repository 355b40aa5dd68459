/**
 * How pretraining and fine-tuning run where nothing else is said; `lait.yaml` and the flags have their defaults from here. Apart,
 * since reading them must not load TensorFlow.
 */
import { defaultObjectives, objectiveNames } from '../net/objective.ts';
import type { Decay } from './schedule.ts';

/** What makes a checkpoint the best. `auto`: retrieval where contrast or matching is learned, else the loss. */
export const bestByNames = ['auto', 'retrieval', 'loss', ...objectiveNames] as const;
export type BestBy = (typeof bestByNames)[number];

const trainDefaults = {
  accumulate: 1,
  seed: 0,
  checkpointEverySteps: 500,
  evaluateEverySteps: 200,
  bestBy: 'auto' as BestBy,
  precision: 'f32',
  xla: false,
  recompute: false,
  /** BERT's. */
  maxGradNorm: 1,
  learningRateDecay: 'linear' as Decay,
  ema: 0,
} as const;

/** Batch and rate: ImageBERT §4. */
export const pretrainDefaults = {
  ...trainDefaults,
  batchSize: 48,
  learningRate: 1e-4,
  objectives: defaultObjectives,
  hardNegatives: false,
  contrastPooling: 'mean',
  contrastStart: 'linear',
} as const;

/** What the rate of the encoder is multiplied with where it comes from a text model and all else is new. Ours: docs/learning.md. */
export const pretrainedEncoderRate = 0.1;

/** Loss, batch and rate: ImageBERT §5. Candidates are ours, the margin is UNITER's. */
export const finetuneDefaults = {
  ...trainDefaults,
  loss: 'binary',
  candidates: 4,
  margin: 0.2,
  batchSize: 24,
  learningRate: 5e-5,
} as const;

/** Highest learning rates by preset. `base`: ImageBERT §4; the small ones learn in thousands of steps, not in millions. Ours: docs/learning.md. */
export const learningRates = { tiny: 1e-3, mini: 5e-4, base: 1e-4 } as const;
