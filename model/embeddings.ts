/**
 * What goes into the encoder, exactly as the paper's Figure 4: `[CLS] regions [SEP] word pieces [SEP]`. Positions: [CLS] 0,
 * every region 1, [SEP] 2, words from 3, the last [SEP] after the last word. Segment A through the first [SEP], B after.
 * A word's embedding is BERT's; a region's is LayerNorm(FC(feature) + FC(box) + segment + position).
 */
import { type Tensor, tf } from './backend.ts';
import type { ModelConfig } from './config.ts';
import { type Dropout, layerNorm, linear, type Weights } from './layers.ts';

export interface SpecialPieces {
  readonly padId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly maskId: number;
}

/** Word pieces [B, W] int32 at positions `firstPosition`…, one segment, to [B, W, H]. */
export function embedPieces(
  weights: Weights,
  { hiddenSize: H, layerNormEpsilon }: ModelConfig,
  ids: Tensor,
  { firstPosition, segment }: { readonly firstPosition: number; readonly segment: 0 | 1 },
): Tensor {
  const [B, W] = ids.shape as [number, number];
  const words = tf.gather(weights('bert.embeddings.word_embeddings.weight'), tf.reshape(ids, [B * W]) as never); // [B W, H]
  const positions = tf.slice(weights('bert.embeddings.position_embeddings.weight'), [firstPosition, 0], [W, H]);
  const segments = tf.slice(weights('bert.embeddings.token_type_embeddings.weight'), [segment, 0], [1, H]);
  const sum = tf.add(tf.reshape(words, [B, W, H]), tf.add(positions, segments)); // [B, W, H]
  return layerNorm(weights, 'bert.embeddings.LayerNorm', sum, layerNormEpsilon);
}

/** Features [B, R, D] and boxes [B, R, 5] (x1, y1, x2, y2, area; shares of the image) to [B, R, H]. */
export function embedRegions(weights: Weights, config: ModelConfig, features: Tensor, boxes: Tensor): Tensor {
  const { hiddenSize: H, featureSize: D, layerNormEpsilon } = config;
  const [B, R] = features.shape as [number, number];
  const visual = linear(weights, 'visual.feature', tf.reshape(features, [B * R, D])); // [B R, H]
  const place = linear(weights, 'visual.box', tf.reshape(boxes, [B * R, 5])); // [B R, H]
  const position = tf.slice(weights('bert.embeddings.position_embeddings.weight'), [1, 0], [1, H]);
  const segment = tf.slice(weights('bert.embeddings.token_type_embeddings.weight'), [0, 0], [1, H]);
  const sum = tf.add(tf.add(visual, place), tf.add(position, segment)); // [B R, H]
  return tf.reshape(layerNorm(weights, 'visual.LayerNorm', sum, layerNormEpsilon), [B, R, H]);
}

/** The embedding of one special piece at a position of segment A, repeated: [B, 1, H]. */
function embedSpecial(weights: Weights, config: ModelConfig, id: number, position: number, B: number): Tensor {
  const one = embedPieces(weights, config, tf.tensor2d([[id]], [1, 1], 'int32'), {
    firstPosition: position,
    segment: 0,
  });
  // Not tf.tile, whose gradient is a slice for each copy.
  return tf.add(one, tf.zeros([B, 1, 1]));
}

/** What an encoder reads: T tokens, of which `mask` [B, T] says with 1 which count. */
export interface Sequence {
  readonly tokens: Tensor;
  readonly mask: Tensor;
}

/** Embedded words [B, W, H] (the last [SEP] among them) and regions [B, R, H], with masks [B, W] and [B, R]. */
export interface Parts {
  readonly words?: Sequence;
  readonly regions?: Sequence;
}

/**
 * Figure 4's order. Without regions it is `[CLS] words [SEP]`, without words `[CLS] regions [SEP]`: the same tokens at the
 * same positions, so that one encoder reads an image or a text alone (ITC).
 */
export function arrange(
  weights: Weights,
  config: ModelConfig,
  { words, regions }: Parts,
  { clsId, sepId }: SpecialPieces,
  drop: Dropout,
): Sequence {
  const B = (words ?? regions)?.tokens.shape[0] as number;
  const counted = tf.ones([B, 1]);
  const special = (id: number, position: number): Sequence => {
    return { tokens: embedSpecial(weights, config, id, position, B), mask: counted };
  };
  const parts = [special(clsId, 0), ...(regions ? [regions, special(sepId, 2)] : []), ...(words ? [words] : [])];
  const tokens = tf.concat(
    parts.map((part) => part.tokens),
    1,
  ); // [B, T, H]
  const mask = tf.concat(
    parts.map((part) => part.mask),
    1,
  ); // [B, T]
  return { tokens: drop(tokens), mask };
}
