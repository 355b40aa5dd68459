/** What a run tells whoever watches it. */
import type { ObjectiveName } from '../net/objective.ts';

export interface Measures {
  /** Weighted sum of the objectives' losses. */
  readonly loss: number;
  readonly losses: Partial<Record<ObjectiveName, number>>;
  /** Shares of right answers, 0 to 1; MRFR has none. */
  readonly accuracies: Partial<Record<ObjectiveName, number>>;
}

export interface Speed {
  readonly samplesPerSecond: number;
  /** Words, regions and special pieces that count, of true pairs and wrong ones. */
  readonly tokensPerSecond: number;
  /** Floating-point operations of matrix products, padding included; see net/cost.ts. */
  readonly flopsPerSecond: number;
  /** Share of the machine's peak, 0 to 1, where that is known. */
  readonly peakShare?: number;
  /** Share of the time that steps waited for data, 0 to 1. */
  readonly waitShare: number;
  readonly secondsLeft: number;
}

/** Losses, accuracies and speeds are means since the last report. */
export interface TrainingProgress extends Measures, Speed {
  /** Steps done. */
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  /** On the validation set; with a checkpoint. */
  readonly validation?: Measures;
  /** The checkpoint that was just written. */
  readonly checkpoint?: string;
}

export interface TrainingSummary {
  readonly steps: number;
  /** Whether `signal` ended the run before its last step. */
  readonly stopped: boolean;
  readonly checkpoint: string;
  /** Whether the steps ran as one graph each. */
  readonly compiled: boolean;
  /** The last report. */
  readonly last?: TrainingProgress;
}

export interface Watch<Progress> {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}
