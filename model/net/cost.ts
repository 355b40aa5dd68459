/** What a model costs before it is trained: parameters, and floating-point operations of a training sample. */
import type { ModelConfig } from './config.ts';
import type { ObjectiveWeights } from './objective.ts';
import { mlmChance } from './objectives/mlm.ts';
import { mocChance } from './objectives/moc.ts';
import { parameterCount, parameterSpecs } from './parameters.ts';

export interface ModelCost {
  readonly parameters: number;
  /** Of those, in the encoder's layers; the rest are tables, embeddings and heads. */
  readonly encoderParameters: number;
  /** Tokens of one sequence: [CLS], regions, [SEP], word pieces, [SEP]. */
  readonly tokens: number;
  /** Sequences that one pair of a training batch makes: itself, and a wrong pair where ITM is on (two with hard negatives); ITC's two halves count as one. */
  readonly sequences: number;
  /** Forward pass of one full sequence, without objectives. */
  readonly forwardFlops: number;
  /** The same where only [CLS] is read, as matching alone and contrast do. */
  readonly firstFlops: number;
  /** Forward, backward (twice the forward) and objectives, for one pair of a batch. */
  readonly trainingFlops: number;
  /** Parameters, gradients, the optimiser's two means and, where they are kept, running averages in float32; activations come on top. */
  readonly stateBytes: number;
}

/** How matching reads a batch: see `BatchSetup` in model/data/batch.ts. */
export interface MatchingForm {
  readonly hardNegatives?: boolean;
  readonly cleanMatching?: boolean;
}

/** A product of [n, k] and [k, m] counts 2 n k m; everything else is small beside the products and not counted. */
export function modelCost(
  config: ModelConfig,
  objectives: ObjectiveWeights,
  { hardNegatives = false, cleanMatching = false, ema = 0 }: MatchingForm & { readonly ema?: number } = {},
): ModelCost {
  const { hiddenSize: H, feedForwardSize: F, layers, maxRegions: R, maxPieces: W, featureSize: D } = config;
  const specs = parameterSpecs(config, { itc: objectives.itc > 0 });
  const T = 1 + R + 1 + W + 1;
  /** Keys and values of all tokens, the rest for `queries` tokens alone. */
  const layer = (queries: number) => 4 * T * H * H + queries * (4 * H * H + 4 * H * F + 4 * T * H);
  const encoder = layers * layer(T);
  const first = (sequences: number) => (layers - 1) * layer(T) + layer(sequences);
  const embedding = 2 * R * H * (D + 5);
  const hiddenPieces = mlmChance * W;
  const hiddenRegions = mocChance * R;
  const heads =
    (objectives.mlm > 0 ? 2 * hiddenPieces * H * (H + config.vocabularySize) : 0) +
    (objectives.moc > 0 ? 2 * hiddenRegions * H * config.classes : 0) +
    (objectives.mrfr > 0 ? 2 * hiddenRegions * H * D : 0);
  const masked = objectives.mlm + objectives.moc + objectives.mrfr > 0 ? 1 : 0;
  const matched = objectives.itm > 0 ? (hardNegatives ? 3 : 2) : 0;
  // The true pairs are read once for all, or for matching once more.
  const whole = matched === 0 ? masked : matched + (cleanMatching ? masked : 0);
  const halves = objectives.itc > 0 ? 1 : 0;
  const parameters = parameterCount(specs);
  return {
    parameters,
    encoderParameters: parameterCount(specs.filter(({ name }) => name.startsWith('bert.encoder.'))),
    tokens: T,
    sequences: whole + halves,
    forwardFlops: encoder + embedding,
    firstFlops: first(1) + embedding,
    trainingFlops: 3 * (whole * encoder + halves * first(2) + embedding + heads),
    stateBytes: (ema > 0 ? 20 : 16) * parameters,
  };
}
