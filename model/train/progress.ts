/** What a run tells whoever watches it. */
import type { ObjectiveName } from '../net/objective.ts';
import type { Recalls } from '../ranking/recall.ts';
import type { ModelPart } from './gradient-parts.ts';

export interface Measures {
  /** Weighted sum of the objectives' losses. */
  readonly loss: number;
  readonly losses: Partial<Record<ObjectiveName, number>>;
  /** Shares of right answers, 0 to 1; MRFR has none. */
  readonly accuracies: Partial<Record<ObjectiveName, number>>;
}

export interface HeldOutMeasures extends Measures {
  readonly retrieval?: HeldOutRetrieval;
  /** Mean matching logits of true pairs, of random wrong ones, and of the wrong ones that look likeliest. */
  readonly margins?: { readonly true: number; readonly random: number; readonly hard: number };
  /** What ITC divides similarities by. */
  readonly temperature?: number;
  /** Loss of matching that always says what is the more frequent. */
  readonly itmEntropy?: number;
}

export interface HeldOutRetrieval {
  /** By contrast where it is learned, else by matching. */
  readonly by: 'itc' | 'itm';
  /** Pairs among which one is found. */
  readonly among: number;
  readonly queries: number;
  /** Image for a text, text for an image. */
  readonly image: Recalls;
  readonly text: Recalls;
}

/** Mean recall of a held-out sample, the weighted sum of the held-out losses, or one of them. */
export type BestMeasure = 'retrieval' | 'loss' | ObjectiveName;

/** The best of a run so far. */
export interface Best {
  readonly step: number;
  readonly by: BestMeasure;
  readonly value: number;
  /** Evaluations after it, none of which was better. */
  readonly evaluationsSince: number;
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
  /** Before clipping; of all parameters, and of each part. */
  readonly gradientNorm: number;
  readonly gradientNorms: Partial<Record<ModelPart, number>>;
  /** On held-out pairs, at an evaluation. */
  readonly validation?: HeldOutMeasures;
  /** The best evaluation so far; at an evaluation. */
  readonly best?: Best;
  /** What a person should know of how it learns; see signs.ts. */
  readonly signs?: readonly string[];
  /** Share of the time that was spent on evaluations, 0 to 1, since this process began to train; at an evaluation. */
  readonly evaluationShare?: number;
  /** The checkpoint that was just written. */
  readonly checkpoint?: string;
}

export interface TrainingSummary {
  readonly steps: number;
  /** Whether `signal` ended the run before its last step. */
  readonly stopped: boolean;
  /** The last one. */
  readonly checkpoint: string;
  /** The best one, where evaluations have found it. */
  readonly best?: Best & { readonly checkpoint: string };
  /** Whether the run ended since it got no better; see `patience`. */
  readonly outOfPatience: boolean;
  /** Whether the steps ran as one graph each. */
  readonly compiled: boolean;
  /** The last report. */
  readonly last?: TrainingProgress;
}

/** What a run learns by, by the name of each setting; see settings.ts. */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

export interface Watch<Progress> {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}
