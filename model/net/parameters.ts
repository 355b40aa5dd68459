/**
 * Every trained tensor: its name, shape and start. The names are Hugging Face's for BERT, so that a public BERT loads and
 * Python reads ours, with two differences: query, key and value lie in one tensor `…self.qkv` (one product instead of
 * three; checkpoints store them apart), and the visual and objective heads have names of their own.
 */
import { elementCount } from '../runtime/array.ts';
import type { ParameterSpec } from '../runtime/parameter.ts';
import type { ModelConfig } from './config.ts';

/** Which heads a model carries. */
export interface Heads {
  /** Projections into the space where image and text embeddings are compared (ITC). */
  readonly itc: boolean;
}

/** Width of the space where ITC compares. ALBEF (arXiv 2107.07651): 256. */
export const itcSize = 256;

/**
 * The maps of an image's shortcut, each fitted without a fifth of the training images. An image of that part is mapped by it in training:
 * a map that has seen an image knows its texts better than those of any other image, and leaves nothing to learn. Ours.
 */
export const shortcutFolds = 5;

export function parameterSpecs(config: ModelConfig, heads: Heads = { itc: false }): ParameterSpec[] {
  const { hiddenSize: H, feedForwardSize: F, vocabularySize: V, featureSize: D, classes: K } = config;
  // BERT's 0.02 is for H = 768. A narrower layer needs larger weights for outputs of the same size; with 0.02, H = 128 learns
  // no matching in 600 steps (docs/decisions/0019-ten-regions-and-standard-features.md).
  const deviation = 0.02 * Math.sqrt(768 / H);
  const linear = (name: string, out: number, inner: number): ParameterSpec[] => [
    { name: `${name}.weight`, shape: [out, inner], start: deviation, decays: true },
    { name: `${name}.bias`, shape: [out], start: 'zeros', decays: false },
  ];
  const norm = (name: string): ParameterSpec[] => [
    { name: `${name}.weight`, shape: [H], start: 'ones', decays: false },
    { name: `${name}.bias`, shape: [H], start: 'zeros', decays: false },
  ];
  const table = (name: string, rows: number): ParameterSpec => {
    return { name: `bert.embeddings.${name}.weight`, shape: [rows, H], start: deviation, decays: true };
  };
  const layers = Array.from({ length: config.layers }, (_, index) => {
    const layer = `bert.encoder.layer.${index}`;
    return [
      ...linear(`${layer}.attention.self.qkv`, 3 * H, H),
      ...linear(`${layer}.attention.output.dense`, H, H),
      ...norm(`${layer}.attention.output.LayerNorm`),
      ...linear(`${layer}.intermediate.dense`, F, H),
      ...linear(`${layer}.output.dense`, H, F),
      ...norm(`${layer}.output.LayerNorm`),
    ];
  });
  return [
    table('word_embeddings', V),
    table('position_embeddings', config.maxPositions),
    table('token_type_embeddings', 2),
    ...norm('bert.embeddings.LayerNorm'),
    ...linear('visual.feature', H, D),
    ...linear('visual.box', H, 5),
    ...norm('visual.LayerNorm'),
    ...layers.flat(),
    ...linear('bert.pooler.dense', H, H),
    ...linear('cls.predictions.transform.dense', H, H),
    ...norm('cls.predictions.transform.LayerNorm'),
    { name: 'cls.predictions.bias', shape: [V], start: 'zeros', decays: false },
    ...linear('cls.moc', K, H),
    ...linear('cls.mrfr', D, H),
    ...linear('cls.itm', 1, H),
    ...(heads.itc
      ? [
          ...linear('itc.image', itcSize, H),
          ...linear('itc.text', itcSize, H),
          { name: 'itc.temperature', shape: [], start: 'zeros', decays: false } as const,
          ...(config.contrast?.shortcut
            ? [
                ...linear('itc.image.shortcut', shortcutFolds * itcSize, D).map(
                  (one) => ({ ...one, start: 'zeros', rate: 0 }) as const,
                ),
                { name: 'itc.text.shortcut', shape: [V, itcSize], start: 'zeros', decays: false, rate: 0 } as const,
                ...(config.contrast.wholeWords
                  ? [{ name: 'itc.text.shortcut.inside', shape: [V], start: 'zeros', decays: false, rate: 0 } as const]
                  : []),
              ]
            : []),
        ]
      : []),
  ];
}

export function parameterCount(specs: readonly ParameterSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
