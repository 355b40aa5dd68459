/**
 * ImageBERT (arXiv 2001.07966 §4): one BERT encoder over regions and words, and its objectives in one forward pass. True
 * pairs come first in the batch; the wrong pairs of ITM reuse their embedded words and regions, so that their masks are the
 * same and nothing is embedded twice.
 */
import { type Tensor, tf } from '../runtime/backend.ts';
import { alone, gatherRows as gatherFrom, type Peers } from '../runtime/peers.ts';
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
import { hideProjected, projectFeatures, type RegionFeatures, regionFeatures, targetFeatures } from './features.ts';
import { gatherRows } from './layers.ts';
import type { ObjectiveName, ObjectiveResult, ObjectiveWeights } from './objective.ts';
import { imageShortcut, itc, itcEmbedding, type Similar, similarities, textShortcut } from './objectives/itc.ts';
import { hardPartners, itm, matchingLogits } from './objectives/itm.ts';
import { mlm, pieceLogits } from './objectives/mlm.ts';
import { classLogits, moc } from './objectives/moc.ts';
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

/** Regions as each of the masks `shown` [N, R] lets them be seen. */
function regions(
  { parameters, config }: Model,
  inputs: Inputs,
  { standard }: RegionFeatures,
  shown: readonly Tensor[],
): Sequence[] {
  const projected = projectFeatures(parameters, standard);
  return shown.map((one) => ({
    tokens: embedRegions(parameters, config, hideProjected(parameters, projected, one), input(inputs, 'boxes')),
    mask: input(inputs, 'regionMask'),
  }));
}

/** Rows of a sequence by index [N]; negative indexes must not occur. */
const rows = ({ tokens, mask }: Sequence, index: Tensor): Sequence => ({
  tokens: gatherRows(tokens, index),
  mask: gatherRows(mask, index),
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
  { words, regions }: Pair,
  similar: Similar | undefined,
  inputs: Inputs,
  peers: Peers,
): { words: Sequence; regions: Sequence }[] {
  const allWords = ofAll(words, peers);
  if (!inputs.sentenceNoise) return [{ regions, words: rows(allWords, input(inputs, 'partners')) }];
  if (!similar) throw new Error('Hard negatives are chosen by the similarities of ITC, which is off.');
  const { toTexts, toImages } = similar;
  const hardness = input(inputs, 'hardness');
  const images = hardPartners(toImages.logits, hardness, toImages.wanted, input(inputs, 'imageNoise'));
  const sentences = hardPartners(toTexts.logits, hardness, toTexts.wanted, inputs.sentenceNoise);
  return [
    { regions, words: rows(allWords, sentences) },
    { regions: rows(ofAll(regions, peers), images), words },
  ];
}

/** The sequences of all processes. */
function ofAll({ tokens, mask }: Sequence, peers: Peers): Sequence {
  const [all, counted] = gatherFrom(peers, [tokens, mask]) as [Tensor, Tensor];
  return { tokens: all, mask: counted };
}

/** The similarities of the images here to all texts, and of the texts here to all images. */
function similarTo(parameters: Parameters, images: Tensor, texts: Tensor, inputs: Inputs, peers: Peers): Similar {
  const sameImage = input(inputs, 'sameImage');
  if (peers.count === 1) {
    const logits = similarities(parameters, images, texts);
    const toImages = { logits: tf.transpose(logits), wanted: tf.transpose(sameImage) };
    return { toTexts: { logits, wanted: sameImage }, toImages };
  }
  const [allImages, allTexts] = gatherFrom(peers, [images, texts]) as [Tensor, Tensor];
  return {
    toTexts: { logits: similarities(parameters, images, allTexts), wanted: sameImage },
    toImages: { logits: similarities(parameters, texts, allImages), wanted: input(inputs, 'sameText') },
  };
}

/** Both halves of N pairs. */
type Pair = Required<Parts>;

/**
 * The pairs of a batch as the masked objectives read them, and as contrast and matching do. They are the same, unless hidden pieces and
 * regions come beside whole ones.
 */
function embedPairs(
  model: Model,
  inputs: Inputs,
  features: RegionFeatures,
): { hidden: Pair; whole: Pair; frame: Frame } {
  const { parameters, config, special } = model;
  const mask = input(inputs, 'pieceMask');
  const pieces = input(inputs, 'pieces');
  const both = inputs.hiddenPieces ? tf.concat([pieces, inputs.hiddenPieces], 0) : pieces;
  const { words, frame } = embedTexts(parameters, config, both, special);
  const texts = (inputs.hiddenPieces ? tf.split(words, 2) : [words]).map((tokens) => ({ tokens, mask }));
  const { shown, maskedShown } = features;
  const images = regions(model, inputs, features, maskedShown ? [shown, maskedShown] : [shown]);
  const whole = { words: texts[0]!, regions: images[0]! };
  return { hidden: { words: texts.at(-1)!, regions: images.at(-1)! }, whole, frame };
}

/**
 * All objectives whose weight is not 0, on a batch of N pairs with wrong pairs made of the same parts: N, or with hard negatives 2 N.
 * Matching shares the pass of the masked objectives, as in the paper, unless it reads whole pairs. With peers the N pairs here are rows of a larger
 * batch: contrast looks among all of them, and wrong sentences and images come from all.
 */
export function objectives(
  model: Model,
  wanted: ObjectiveWeights,
  inputs: Inputs,
  { drop, peers = alone }: { readonly drop: Dropout; readonly peers?: Peers },
): Partial<Record<ObjectiveName, ObjectiveResult>> {
  const { parameters, config } = model;
  const features = regionFeatures(inputs);
  const { hidden, whole, frame } = embedPairs(model, inputs, features);
  const N = whole.words.tokens.shape[0]!;
  const results: Partial<Record<ObjectiveName, ObjectiveResult>> = {};
  let similar: Similar | undefined;
  if (wanted.itc > 0) {
    const imageEmbeddings = embedAlone(model, 'image', { regions: whole.regions }, { frame, inputs, features, drop });
    const textEmbeddings = embedAlone(model, 'text', { words: whole.words }, { frame, inputs, drop });
    similar = similarTo(parameters, imageEmbeddings, textEmbeddings, inputs, peers);
    results.itc = itc(similar);
  }
  const masked = wanted.mlm + wanted.moc + wanted.mrfr > 0;
  const apart = inputs.hiddenPieces !== undefined || features.maskedShown !== undefined || !masked;
  const matched = wanted.itm > 0 ? [whole, ...wrongPairs(whole, similar, inputs, peers)] : [];
  if (masked) {
    const pairs = apart || matched.length === 0 ? [hidden] : matched;
    const states = encode(parameters, config, arrange(joinedPairs(pairs), frame, drop), drop); // [B T, H]
    const at = (places: string) => tf.gather(states, input(inputs, places) as never);
    if (wanted.mlm > 0) {
      const labels = input(inputs, 'mlmLabels');
      results.mlm = mlm(parameters, at('mlmPlaces'), labels, input(inputs, 'mlmCounts'), config.layerNormEpsilon);
    }
    if (wanted.moc + wanted.mrfr > 0) {
      const hiddenRegions = at('regionPlaces'); // [G, H]
      const counts = input(inputs, 'regionCounts');
      if (wanted.moc > 0) results.moc = moc(parameters, hiddenRegions, input(inputs, 'regionLabels'), counts);
      if (wanted.mrfr > 0) {
        const targets = targetFeatures(features, input(inputs, 'regionRows'));
        results.mrfr = mrfr(parameters, hiddenRegions, targets, counts);
      }
    }
    if (matched.length > 0 && !apart)
      results.itm = matching(model, firstTokens(states, N * matched.length), inputs, drop);
  }
  if (matched.length > 0 && apart) {
    const first = encodeFirst(parameters, config, arrange(joinedPairs(matched), frame, drop), drop);
    results.itm = matching(model, first, inputs, drop);
  }
  return results;
}

const joinedPairs = (pairs: readonly Pair[]): Pair => ({
  words: joined(pairs.map(({ words }) => words)),
  regions: joined(pairs.map(({ regions }) => regions)),
});

/** ITM's loss of the states [B, H] of [CLS]. */
function matching({ parameters }: Model, first: Tensor, inputs: Inputs, drop: Dropout): ObjectiveResult {
  const logits = matchingLogits(parameters, drop(pool(parameters, first)));
  return itm(logits, input(inputs, 'matched'), input(inputs, 'matchCounts'));
}

interface Reading {
  readonly frame: Frame;
  readonly inputs: Inputs;
  /** Of an image. */
  readonly features?: RegionFeatures;
  readonly drop: Dropout;
}

/** The pooled states [N, H] of an image `[CLS] regions [SEP]` or a text `[CLS] words [SEP]` alone. */
function poolAlone(
  { parameters, config }: Model,
  parts: Parts,
  { frame, drop }: Pick<Reading, 'frame' | 'drop'>,
): Tensor {
  const sequence = arrange(parts, frame, drop);
  return config.contrast?.pooling === 'mean'
    ? meanOfTokens(encode(parameters, config, sequence, drop), sequence.mask)
    : encodeFirst(parameters, config, sequence, drop);
}

/** An image or a text alone, to ITC's space: [N, itcSize]. */
function embedAlone(model: Model, side: 'image' | 'text', parts: Parts, reading: Reading): Tensor {
  const { parameters, config } = model;
  return itcEmbedding(
    parameters,
    side,
    poolAlone(model, parts, reading),
    config.contrast?.shortcut ? shortcut(model, side, reading) : undefined,
  );
}

const shortcut = ({ parameters, config }: Model, side: 'image' | 'text', { inputs, features }: Reading): Tensor =>
  side === 'image'
    ? imageShortcut(parameters, {
        features: features!.standard,
        shown: features!.shown,
        boxes: input(inputs, 'boxes'),
        mask: input(inputs, 'regionMask'),
        folds: inputs.shortcutFolds,
      })
    : textShortcut(parameters, {
        pieces: input(inputs, 'pieces'),
        mask: input(inputs, 'pieceMask'),
        wholeWords: config.contrast?.wholeWords,
      });

/**
 * Matching logits [B] of pairs chosen among images and texts by `imageRows` and `textRows` [B]: each image and text of the
 * batch is embedded once, however many pairs it is in. Nothing is hidden.
 */
export function matchPairs(model: Model, inputs: Inputs, drop: Dropout = noDropout): Tensor {
  const { parameters, config } = model;
  const { words, frame } = texts(model, inputs);
  const features = regionFeatures(inputs);
  const [images] = regions(model, inputs, features, [features.shown]) as [Sequence];
  const parts = {
    words: rows(words, input(inputs, 'textRows')),
    regions: rows(images, input(inputs, 'imageRows')),
  };
  const first = encodeFirst(parameters, config, arrange(parts, frame, drop), drop);
  return matchingLogits(parameters, drop(pool(parameters, first)));
}

/** ITC embeddings of the images or the texts of a batch. */
export function embedBatch(model: Model, side: 'image' | 'text', inputs: Inputs): Tensor {
  if (side === 'image') {
    const frame = embedFrame(model.parameters, model.config, model.special);
    const features = regionFeatures(inputs);
    const [images] = regions(model, inputs, features, [features.shown]) as [Sequence];
    return embedAlone(model, side, { regions: images }, { frame, inputs, features, drop: noDropout });
  }
  const { words, frame } = texts(model, inputs);
  return embedAlone(model, side, { words }, { frame, inputs, drop: noDropout });
}

/** The pooled states [N, H] of the texts of a batch, each read alone. */
export function poolTexts(model: Model, inputs: Inputs): Tensor {
  const { words, frame } = texts(model, inputs);
  return poolAlone(model, { words }, { frame, drop: noDropout });
}

/**
 * What the masked objectives say of a batch with hidden parts, as far as it names their places: probabilities of all pieces [M, V] at
 * `mlmPlaces`, and of all classes [G, K] at `regionPlaces`.
 */
export function guessHidden(model: Model, inputs: Inputs): { readonly pieces?: Tensor; readonly classes?: Tensor } {
  const { parameters, config } = model;
  const { hidden, frame } = embedPairs(model, inputs, regionFeatures(inputs));
  const states = encode(parameters, config, arrange(hidden, frame, noDropout), noDropout); // [N T, H]
  const at = (places: Tensor) => tf.gather(states, places as never);
  const { mlmPlaces, regionPlaces } = inputs;
  return {
    ...(mlmPlaces && { pieces: tf.softmax(pieceLogits(parameters, at(mlmPlaces), config.layerNormEpsilon)) }),
    ...(regionPlaces && { classes: tf.softmax(classLogits(parameters, at(regionPlaces))) }),
  };
}
