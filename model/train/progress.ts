/** What a run tells whoever watches it. */
import type { ObjectiveName } from '../net/objective.ts';

export type Accuracies = Partial<Record<ObjectiveName, number>>;

export interface PretrainProgress {
  /** Steps done. */
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  /** Weighted sum, and each objective's own; means since the last report. */
  readonly loss: number;
  readonly losses: Partial<Record<ObjectiveName, number>>;
  /** Shares of right answers, 0 to 1; MRFR has none. */
  readonly accuracies: Accuracies;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly samplesPerSecond: number;
  /** Words, regions and special pieces that count, of true pairs and wrong ones. */
  readonly tokensPerSecond: number;
  /** Floating-point operations of matrix products, padding included; see cost.ts. */
  readonly flopsPerSecond: number;
  /** Share of what the machine can do at most, 0 to 1, where that is known. */
  readonly peakShare?: number;
  /** Share of the time in which the step waited for data, 0 to 1. */
  readonly waitShare: number;
  readonly secondsLeft: number;
  /** On held-out examples; with a checkpoint. */
  readonly validation?: Measures;
  /** The checkpoint that was just written. */
  readonly checkpoint?: string;
}

export interface Measures {
  readonly loss: number;
  readonly losses: Partial<Record<ObjectiveName, number>>;
  readonly accuracies: Accuracies;
}

export interface Watch<Progress> {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}
