/** What a run is given: how it trains, and what it learns. */
import type { BatchShape } from '../data/batch.ts';
import type { Collation } from '../data/collate.ts';
import type { Example } from '../data/example.ts';
import type { ExampleSource } from '../data/source.ts';
import type { TokenizerDefinition } from '../data/tokenizer-definition.ts';
import type { ModelConfig } from '../net/config.ts';
import type { ObjectiveWeights } from '../net/objective.ts';
import type { AdamW } from '../runtime/optimizer.ts';
import type { Precision } from '../runtime/traced-function.ts';
import type { BestBy } from './defaults.ts';
import type { DataIdentity } from './made-from.ts';
import type { RunSettings } from './progress.ts';
import type { Ranks } from './ranks.ts';
import type { Decay } from './schedule.ts';
import type { TakenWeights } from './start-weights.ts';
import type { Loss } from './step.ts';

/** What a run of any task needs. */
export interface TrainOptions {
  /** Checkpoints go to `runDir/checkpoints`. */
  readonly runDir: string;
  readonly source: ExampleSource;
  /** Examples that are never learned from; see held-out.ts for what is measured on them. */
  readonly validation?: readonly Example[];
  readonly config: ModelConfig;
  readonly vocabulary: readonly string[];
  /** What `tokenizer.json` held, where the texts were read by one. */
  readonly tokenizer?: TokenizerDefinition | undefined;
  /** Names the detector of the regions; a run does not continue with another's. */
  readonly detector: string;
  readonly steps: number;
  /** Pairs of a batch. The paper: 48. */
  readonly batchSize?: number;
  /** Batches that make one update; 1 turns it off. See update.ts. */
  readonly accumulate?: number;
  /** The paper: 1e-4. */
  readonly learningRate?: number;
  /**
   * What the rate is multiplied with for the encoder and its word, position and segment tables (`bert.*`), where they come from a text
   * model and all else is new. 1 unless given.
   */
  readonly encoderRate?: number;
  /** Hears how many texts the encoder has read for the linear map that contrast begins at. */
  readonly onStartTexts?: (done: number, total: number) => void;
  /** Hears, at the end, how many images, texts and pairs have been read of those that ranking by a checkpoint takes; see ranking-aids.ts. */
  readonly onRankingAids?: (done: number, total: number) => void;
  /** Share of the steps over which the rate rises. ViLT: 0.1. */
  readonly warmupShare?: number;
  /** How the rate falls after it has risen. */
  readonly learningRateDecay?: Decay;
  readonly optimizer?: Omit<AdamW, 'clipNorm'>;
  /** Gradients are scaled down to this global norm; 0 leaves them as they are. BERT: 1. */
  readonly maxGradNorm?: number;
  /** How much of the parameters' running averages (EMA) stays at an update; the averages are then what is evaluated and what checkpoints give. 0: none. */
  readonly ema?: number;
  readonly seed?: number;
  /**
   * A safetensors file to start from, of a Hugging Face BERT or of ours (then with its feature statistics). It has the tables and the
   * encoder whole; heads that it lacks start at random.
   */
  readonly startFrom?: string;
  /** Hears, where a new run starts from a file that lacks heads, how much of the run is from it. */
  readonly onStartWeights?: (taken: TakenWeights) => void;
  /** What the examples are, by content; absent where they come from nowhere that could be named. */
  readonly data?: readonly DataIdentity[];
  /** Goes on although the data, or the weights to start from, are no longer those that the run was made from. */
  readonly dataChanged?: 'ok' | undefined;
  /** Hears, where a run goes on, which settings are no longer those that it has learned by so far. */
  readonly onChangedSettings?: (changed: readonly string[]) => void;
  /** Goes on from the run's newest checkpoint, if there is one. */
  readonly resume?: boolean;
  readonly checkpointEverySteps?: number;
  /** Steps between two evaluations of the held-out examples. */
  readonly evaluateEverySteps?: number;
  /** The held-out measure by which a checkpoint is the best; it is saved as soon as it is measured. */
  readonly bestBy?: BestBy;
  /** Ends the run after so many evaluations in a row that are not better than the best. */
  readonly patience?: number | undefined;
  /** Newest checkpoints kept; the best one stays as well. */
  readonly keep?: number;
  /** Steps between two that are logged; progress is told at these, and each five seconds where they take longer. */
  readonly reportEverySteps?: number;
  /** false writes no TensorBoard scalars to `runDir/tensorboard`. */
  readonly tensorboard?: boolean;
  /** false runs op by op. */
  readonly compiled?: boolean;
  readonly precision?: Precision;
  /** Threads that make batches, where their source can be read in another; 0 makes them in the training thread. Half the cores unless given, at most 8. */
  readonly threads?: number;
  /** The machine's peak in floating-point operations a second; with it, progress says what share of the peak is reached. */
  readonly peakFlops?: number;
  /** Keeps of each layer its results alone and computes the rest anew for the gradients: less memory, a third more work. Ignored where the run is not compiled. */
  readonly recompute?: boolean;
  /** Devices of this machine that share each batch, whose size they divide; 1 unless given. */
  readonly devices?: number;
  /** Brings the features of the next batch to the device while a step computes (runtime/staging.ts). On a GPU unless given; ignored where the run is not compiled. */
  readonly stagesAhead?: boolean;
  /** The processes that train together (ranks.ts); absent for one alone. Only rank 0 reports and writes to the run's folder. */
  readonly ranks?: Ranks | undefined;
  /** Fuses what lies between matrix products with XLA; false unless given. Ignored where the run is not compiled. */
  readonly xla?: boolean;
}

/** What a run learns: how examples become a batch, and what is minimised on it. */
export interface Task {
  /** Which heads the model has, and what its checkpoints say that it learned. */
  readonly objectives: ObjectiveWeights;
  readonly collation: Collation;
  readonly loss: Loss;
  /** Its own among the settings that a run learns by; see settings.ts. */
  readonly settings: RunSettings;
  /** Floating-point operations of learning from a batch of one shape. */
  readonly flops: (shape: BatchShape) => number;
}
