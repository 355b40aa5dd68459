/**
 * What goes into the encoder, exactly as the paper's Figure 4: `[CLS] regions [SEP] word pieces [SEP]`. Positions: [CLS] 0,
 * every region 1, [SEP] 2, words from 3, the last [SEP] after the last word. Segment A through the first [SEP], B after.
 * A word's embedding is BERT's; a region's is LayerNorm(FC(feature) + FC(box) + segment + position).
 */
import { type Tensor, tf } from '../runtime/backend.ts';
import type { Parameters } from '../runtime/traced-function.ts';
import type { ModelConfig } from './config.ts';
import type { Dropout } from './dropout.ts';
import { layerNorm, linear } from './layers.ts';

export interface SpecialPieces {
  readonly padId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly maskId: number;
}

/** [CLS] at position 0 and the [SEP] at position 2 that ends segment A, each [1, 1, H]. */
export interface Frame {
  readonly cls: Tensor;
  readonly sep: Tensor;
}

/**
 * Word pieces [B, W] int32 at positions 3…, segment B, to [B, W, H], and the frame that sequences are put into. The word table is
 * read once for all of them, since each reading has a gradient as large as the table.
 */
export function embedTexts(
  parameters: Parameters,
  config: ModelConfig,
  pieces: Tensor,
  { clsId, sepId }: SpecialPieces,
): { words: Tensor; frame: Frame } {
  const [B, W] = pieces.shape as [number, number];
  const ids = tf.concat([tf.reshape(pieces, [B * W]), tf.tensor1d([clsId, sepId], 'int32')], 0);
  const [words, cls, sep] = tf.split(lookUp(parameters, ids), [B * W, 1, 1]) as [Tensor, Tensor, Tensor];
  return {
    words: place(parameters, config, tf.reshape(words, [B, W, -1]), { firstPosition: 3, segment: 1 }),
    frame: frameOf(parameters, config, cls, sep),
  };
}

/** The frame for images alone. */
export function embedFrame(parameters: Parameters, config: ModelConfig, { clsId, sepId }: SpecialPieces): Frame {
  const [cls, sep] = tf.split(lookUp(parameters, tf.tensor1d([clsId, sepId], 'int32')), [1, 1]) as [Tensor, Tensor];
  return frameOf(parameters, config, cls, sep);
}

function frameOf(parameters: Parameters, config: ModelConfig, cls: Tensor, sep: Tensor): Frame {
  const at = (piece: Tensor, firstPosition: number) =>
    place(parameters, config, tf.reshape(piece, [1, 1, -1]), { firstPosition, segment: 0 });
  return { cls: at(cls, 0), sep: at(sep, 2) };
}

/** Rows of the word table: [N] int32 to [N, H]. */
export const lookUp = (parameters: Parameters, ids: Tensor): Tensor =>
  tf.gather(parameters('bert.embeddings.word_embeddings.weight'), ids as never);

/** Rows of the word table [B, W, H] at positions `firstPosition`…, one segment, as the encoder reads them. */
export function place(
  parameters: Parameters,
  { layerNormEpsilon }: ModelConfig,
  words: Tensor,
  { firstPosition, segment }: { readonly firstPosition: number; readonly segment: 0 | 1 },
): Tensor {
  const [, W, H] = words.shape as [number, number, number];
  const positions = tf.slice(parameters('bert.embeddings.position_embeddings.weight'), [firstPosition, 0], [W, H]);
  const segments = tf.slice(parameters('bert.embeddings.token_type_embeddings.weight'), [segment, 0], [1, H]);
  const sum = tf.add(words, tf.add(positions, segments)); // [B, W, H]
  return layerNorm(parameters, 'bert.embeddings.LayerNorm', sum, layerNormEpsilon);
}

/** Features as the layer `visual.feature` gives them [B R, H] and boxes [B, R, 5] (x1, y1, x2, y2, area; shares of the image) to [B, R, H]. */
export function embedRegions(parameters: Parameters, config: ModelConfig, visual: Tensor, boxes: Tensor): Tensor {
  const { hiddenSize: H, layerNormEpsilon } = config;
  const [B, R] = boxes.shape as [number, number];
  const place = linear(parameters, 'visual.box', tf.reshape(boxes, [B * R, 5])); // [B R, H]
  const position = tf.slice(parameters('bert.embeddings.position_embeddings.weight'), [1, 0], [1, H]);
  const segment = tf.slice(parameters('bert.embeddings.token_type_embeddings.weight'), [0, 0], [1, H]);
  const sum = tf.add(tf.add(visual, place), tf.add(position, segment)); // [B R, H]
  return tf.reshape(layerNorm(parameters, 'visual.LayerNorm', sum, layerNormEpsilon), [B, R, H]);
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
export function arrange({ words, regions }: Parts, { cls, sep }: Frame, drop: Dropout): Sequence {
  const B = (words ?? regions)!.tokens.shape[0]!;
  const counted = tf.ones([B, 1]);
  // Not tf.tile, whose gradient is a slice for each copy.
  const repeated = (one: Tensor): Sequence => ({ tokens: tf.add(one, tf.zeros([B, 1, 1])), mask: counted });
  const parts = [repeated(cls), ...(regions ? [regions, repeated(sep)] : []), ...(words ? [words] : [])];
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
