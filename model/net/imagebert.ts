/**
 * ImageBERT (arXiv 2001.07966 §4): one BERT encoder over regions and words, and its objectives in one forward pass. True
 * pairs come first in the batch; the wrong pairs of ITM reuse their embedded words and regions, so that their masks are the
 * same and nothing is embedded twice.
 */
import { type Tensor, tf } from '../runtime/backend.ts';
import type { Inputs, Parameters } from '../runtime/traced-function.ts';
import type { ModelConfig } from './config.ts';
import { type Dropout, noDropout } from './dropout.ts';
import {
  arrange,
  embedFrame,
  embedRegions,
  embedTexts,
  type Frame,
  type Parts,
  type Sequence,
  type SpecialPieces,
} from './embeddings.ts';
import type { ObjectiveName, ObjectiveResult, ObjectiveWeights } from './objective.ts';
import { imageShortcut, itc, itcEmbedding, similarities, textShortcut } from './objectives/itc.ts';
import { hardPartners, itm, matchingLogits } from './objectives/itm.ts';
import { mlm } from './objectives/mlm.ts';
import { moc } from './objectives/moc.ts';
import { mrfr } from './objectives/mrfr.ts';
import { encode, encodeFirst, firstTokens, meanOfTokens, pool } from './transformer.ts';

export interface Model {
  readonly parameters: Parameters;
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
}

const input = (inputs: Inputs, name: string): Tensor => {
  const tensor = inputs[name];
  if (!tensor) throw new Error(`The batch has no ${name}.`);
  return tensor;
};

const texts = (model: Model, inputs: Inputs): { words: Sequence; frame: Frame } => {
  const { words, frame } = embedTexts(model.parameters, model.config, input(inputs, 'pieces'), model.special);
  return { words: { tokens: words, mask: input(inputs, 'pieceMask') }, frame };
};

const regions = (model: Model, inputs: Inputs): Sequence => ({
  tokens: embedRegions(model.parameters, model.config, input(inputs, 'features'), input(inputs, 'boxes')),
  mask: input(inputs, 'regionMask'),
});

/** Rows of a sequence by index [N]; negative indexes must not occur. */
const rows = ({ tokens, mask }: Sequence, index: Tensor): Sequence => ({
  tokens: tf.gather(tokens, index as never),
  mask: tf.gather(mask, index as never),
});

const joined = (parts: readonly Sequence[]): Sequence =>
  parts.length === 1
    ? parts[0]!
    : {
        tokens: tf.concat(
          parts.map(({ tokens }) => tokens),
          0,
        ),
        mask: tf.concat(
          parts.map(({ mask }) => mask),
          0,
        ),
      };

/**
 * The wrong pairs of a batch, N at a time: every image with the sentence of its partner, or where the batch has noise for
 * it, every image with a hard sentence and every sentence with a hard image.
 */
function wrongPairs(
  texts: Sequence,
  images: Sequence,
  similar: Tensor | undefined,
  inputs: Inputs,
): { words: Sequence; regions: Sequence }[] {
  if (!inputs.sentenceNoise) return [{ regions: images, words: rows(texts, input(inputs, 'partners')) }];
  if (!similar) throw new Error('Hard negatives are chosen by the similarities of ITC, which is off.');
  const same = input(inputs, 'sameImage');
  return [
    { regions: images, words: rows(texts, hardPartners(similar, same, inputs.sentenceNoise)) },
    {
      regions: rows(images, hardPartners(tf.transpose(similar), tf.transpose(same), input(inputs, 'imageNoise'))),
      words: texts,
    },
  ];
}

/**
 * All objectives whose weight is not 0, on a batch of N pairs with wrong pairs made of the same parts: N, or with hard negatives 2 N.
 */
export function objectives(
  model: Model,
  wanted: ObjectiveWeights,
  inputs: Inputs,
  drop: Dropout,
): Partial<Record<ObjectiveName, ObjectiveResult>> {
  const { parameters, config } = model;
  const { words, frame } = texts(model, inputs);
  const images = regions(model, inputs);
  const N = words.tokens.shape[0]!;
  const results: Partial<Record<ObjectiveName, ObjectiveResult>> = {};
  let similar: Tensor | undefined;
  if (wanted.itc > 0) {
    const imageEmbeddings = embedAlone(model, 'image', { regions: images }, { frame, inputs, drop });
    const textEmbeddings = embedAlone(model, 'text', { words }, { frame, inputs, drop });
    similar = similarities(parameters, imageEmbeddings, textEmbeddings);
    results.itc = itc(similar, input(inputs, 'sameImage'));
  }
  if (wanted.mlm + wanted.moc + wanted.mrfr + wanted.itm === 0) return results;
  const wrong = wanted.itm > 0 ? wrongPairs(words, images, similar, inputs) : [];
  const pairs = {
    words: joined([words, ...wrong.map((pair) => pair.words)]),
    regions: joined([images, ...wrong.map((pair) => pair.regions)]),
  };
  const B = N * (1 + wrong.length);
  const hidden = encode(parameters, config, arrange(pairs, frame, drop), drop); // [B T, H]
  const at = (places: string) => tf.gather(hidden, input(inputs, places) as never);
  if (wanted.mlm > 0) {
    const labels = input(inputs, 'mlmLabels');
    results.mlm = mlm(parameters, at('mlmPlaces'), labels, input(inputs, 'mlmCounts'), config.layerNormEpsilon);
  }
  if (wanted.moc + wanted.mrfr > 0) {
    const hiddenRegions = at('regionPlaces'); // [G, H]
    const counts = input(inputs, 'regionCounts');
    if (wanted.moc > 0) results.moc = moc(parameters, hiddenRegions, input(inputs, 'regionLabels'), counts);
    if (wanted.mrfr > 0) results.mrfr = mrfr(parameters, hiddenRegions, input(inputs, 'regionTargets'), counts);
  }
  if (wanted.itm > 0) {
    const logits = matchingLogits(parameters, drop(pool(parameters, firstTokens(hidden, B))));
    results.itm = itm(logits, input(inputs, 'matched'), input(inputs, 'matchCounts'));
  }
  return results;
}

interface Reading {
  readonly frame: Frame;
  readonly inputs: Inputs;
  readonly drop: Dropout;
}

/** The pooled states [N, H] of an image `[CLS] regions [SEP]` or a text `[CLS] words [SEP]` alone. */
function poolAlone({ parameters, config }: Model, parts: Parts, { frame, drop }: Omit<Reading, 'inputs'>): Tensor {
  const sequence = arrange(parts, frame, drop);
  return config.contrast?.pooling === 'mean'
    ? meanOfTokens(encode(parameters, config, sequence, drop), sequence.mask)
    : encodeFirst(parameters, config, sequence, drop);
}

/** An image or a text alone, to ITC's space: [N, itcSize]. */
function embedAlone(model: Model, side: 'image' | 'text', parts: Parts, { frame, inputs, drop }: Reading): Tensor {
  const { parameters, config } = model;
  return itcEmbedding(
    parameters,
    side,
    poolAlone(model, parts, { frame, drop }),
    config.contrast?.shortcut ? shortcut(parameters, side, inputs) : undefined,
  );
}

const shortcut = (parameters: Parameters, side: 'image' | 'text', inputs: Inputs): Tensor =>
  side === 'image'
    ? imageShortcut(parameters, input(inputs, 'features'), input(inputs, 'boxes'), input(inputs, 'regionMask'))
    : textShortcut(parameters, input(inputs, 'pieces'), input(inputs, 'pieceMask'));

/**
 * Matching logits [B] of pairs chosen among images and texts by `imageRows` and `textRows` [B]: each image and text of the
 * batch is embedded once, however many pairs it is in. Nothing is hidden.
 */
export function matchPairs(model: Model, inputs: Inputs, drop: Dropout = noDropout): Tensor {
  const { parameters, config } = model;
  const { words, frame } = texts(model, inputs);
  const parts = {
    words: rows(words, input(inputs, 'textRows')),
    regions: rows(regions(model, inputs), input(inputs, 'imageRows')),
  };
  const first = encodeFirst(parameters, config, arrange(parts, frame, drop), drop);
  return matchingLogits(parameters, drop(pool(parameters, first)));
}

/** ITC embeddings of the images or the texts of a batch. */
export function embedBatch(model: Model, side: 'image' | 'text', inputs: Inputs): Tensor {
  if (side === 'image') {
    const frame = embedFrame(model.parameters, model.config, model.special);
    return embedAlone(model, side, { regions: regions(model, inputs) }, { frame, inputs, drop: noDropout });
  }
  const { words, frame } = texts(model, inputs);
  return embedAlone(model, side, { words }, { frame, inputs, drop: noDropout });
}

/** The pooled states [N, H] of the texts of a batch, each read alone. */
export function poolTexts(model: Model, inputs: Inputs): Tensor {
  const { words, frame } = texts(model, inputs);
  return poolAlone(model, { words }, { frame, drop: noDropout });
}
