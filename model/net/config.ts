/**
 * The sizes of an ImageBERT and its presets. The paper (arXiv 2001.07966 §5) trains BERT-base with 100 regions and 44
 * linguistic and special tokens, 144 in all: [CLS], 100 regions, [SEP], 41 word pieces, [SEP].
 */
import { expected } from '../../dataset/user-error.ts';

/** Shape letters elsewhere: V vocabularySize, H hiddenSize, A heads, F feedForwardSize, R regions, W pieces, D featureSize. */
export interface ModelConfig {
  /** V */
  readonly vocabularySize: number;
  /** H */
  readonly hiddenSize: number;
  readonly layers: number;
  /** A, a divisor of hiddenSize */
  readonly heads: number;
  /** F */
  readonly feedForwardSize: number;
  /** Share of activations and of attention weights dropped in training. BERT: 0.1. */
  readonly dropout: number;
  /** Rows of the position table; words take positions from 3, so at least maxPieces + 4. BERT: 512. */
  readonly maxPositions: number;
  readonly layerNormEpsilon: number;
  /** Most regions an image keeps. */
  readonly maxRegions: number;
  /** Most word pieces a text keeps, [CLS] and [SEP] not counted. */
  readonly maxPieces: number;
  /** D, the width of a region's feature. */
  readonly featureSize: number;
  /** How many classes the detector knows. */
  readonly classes: number;
  /** How contrast (ITC) reads an image or a text; absent as in ALBEF, by the state of [CLS]. */
  readonly contrast?: ContrastForm;
}

/** Both are ours; docs/learning.md has what they are worth. */
export interface ContrastForm {
  /** The state of [CLS] (ALBEF), or the mean of all tokens' states (Sentence-BERT, arXiv 1908.10084), which is what MiniLM was trained for. */
  readonly pooling: 'first' | 'mean';
  /** Adds a linear map of the whole image's feature and one of the text's word pieces, fitted before the first step and then kept. */
  readonly shortcut: boolean;
  /**
   * Whether that map reads whole words only: where the vocabulary was learned from the run's own texts, a word that it breaks up is a rare one,
   * and its first letters say nothing. Absent: the pieces that words begin with count too, as in a vocabulary of another's.
   */
  readonly wholeWords?: boolean;
}

/** What a preset decides; the data decides the rest. */
export type Preset = Omit<ModelConfig, 'vocabularySize' | 'featureSize' | 'classes' | 'contrast'>;

const bert = { dropout: 0.1, maxPositions: 512, layerNormEpsilon: 1e-12 };

export const presets = {
  /** Learns a thousand drawings in two minutes on two cores. */
  tiny: { ...bert, layers: 2, hiddenSize: 128, heads: 2, feedForwardSize: 512, maxRegions: 10, maxPieces: 16 },
  /** The sizes of MiniLM-L6-H384 (arXiv 2002.10957), to start from its weights. */
  mini: { ...bert, layers: 6, hiddenSize: 384, heads: 12, feedForwardSize: 1536, maxRegions: 36, maxPieces: 41 },
  /** The paper's. */
  base: { ...bert, layers: 12, hiddenSize: 768, heads: 12, feedForwardSize: 3072, maxRegions: 100, maxPieces: 41 },
} satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;

/** Ours, far above what anybody trains: what is computed of a size before the weights are read costs little. */
const largest = {
  vocabularySize: 10_000_000,
  hiddenSize: 100_000,
  layers: 1000,
  heads: 10_000,
  feedForwardSize: 1_000_000,
  maxPositions: 1_000_000,
  maxRegions: 10_000,
  maxPieces: 1_000_000,
  featureSize: 1_000_000,
  classes: 1_000_000,
} as const;

/** Throws a UserError where sizes are none, as a checkpoint of others may have them, or cannot fit together. */
export function checkConfig(config: ModelConfig): void {
  for (const [name, most] of Object.entries(largest)) {
    const size: unknown = config[name as keyof typeof largest];
    if (!Number.isInteger(size) || Number(size) < 1 || Number(size) > most)
      throw expected(`a whole number from 1 to ${most}`, name, size ?? 'none', 'take another model');
  }
  for (const name of ['dropout', 'layerNormEpsilon'] as const) {
    const share: unknown = config[name];
    if (typeof share !== 'number' || !(share >= 0 && share < 1))
      throw expected('a number from 0 to less than 1', name, share ?? 'none', 'take another model');
  }
  if (config.hiddenSize % config.heads !== 0) {
    throw expected(`a divisor of ${config.hiddenSize}`, 'heads', config.heads, 'change heads or hiddenSize');
  }
  if (config.maxPieces + 4 > config.maxPositions) {
    throw expected(`at most ${config.maxPositions - 4}`, 'maxPieces', config.maxPieces, 'words take positions from 3');
  }
}
