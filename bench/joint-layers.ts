/**
 * A cross-encoder of a run's upper layers, for benches: the lower layers read image and text each alone, once for all pairs, and what they make
 * of it is kept; the upper ones read both together, as ALBEF's do (arXiv 2107.07651). A pair then costs the upper layers alone.
 */
import { imageArrays, textArrays } from '../model/data/batch.ts';
import { bucketFor } from '../model/data/sampler.ts';
import { specialPieceIds } from '../model/data/tokenizer.ts';
import { type Dropout, noDropout } from '../model/net/dropout.ts';
import { arrange, embedFrame, embedRegions, embedTexts } from '../model/net/embeddings.ts';
import { hideProjected, projectFeatures, regionFeatures } from '../model/net/features.ts';
import { matchingLogits } from '../model/net/objectives/itm.ts';
import { parameterSpecs } from '../model/net/parameters.ts';
import { encode, meanOfTokens, pool } from '../model/net/transformer.ts';
import type { RetrievalSet } from '../model/ranking/recall.ts';
import { topRegions } from '../model/regions/region.ts';
import { type Tensor, tf } from '../model/runtime/backend.ts';
import { openExecutable } from '../model/runtime/executable.ts';
import type { Arrays, Inputs, Parameters, TracedFunction } from '../model/runtime/traced-function.ts';
import type { Checkpoint } from '../model/train/checkpoint.ts';

const batchRows = 64;
/** Tokens that batches are padded to. */
const lengths = [10, 14, 18, 24, 44];

/** States of images or texts, one behind the other: of each so many tokens of `hiddenSize` numbers. */
interface States {
  readonly values: readonly Float32Array[];
  readonly hiddenSize: number;
}

export interface AloneStates {
  readonly images: States;
  readonly texts: States;
}

/** What the lower layers make of each image, of at most so many regions, and of each text. */
export function aloneStates(
  { config, vocabulary, featureStatistics, values }: Checkpoint,
  { images, texts }: RetrievalSet,
  { layers, maxRegions }: { readonly layers: number; readonly maxRegions: number },
): AloneStates {
  const special = specialPieceIds(vocabulary);
  const lower = { ...config, layers: config.layers - layers };
  const H = config.hiddenSize;
  const alone: Record<'image' | 'text', TracedFunction> = {
    image: (inputs, parameters) => {
      const { standard, shown } = regionFeatures(inputs);
      const visual = hideProjected(parameters, projectFeatures(parameters, standard), shown);
      const tokens = embedRegions(parameters, config, visual, inputs.boxes!);
      const frame = embedFrame(parameters, config, special);
      const sequence = arrange({ regions: { tokens, mask: inputs.regionMask! } }, frame, noDropout);
      return { outputs: { states: encode(parameters, lower, sequence, noDropout) } };
    },
    text: (inputs, parameters) => {
      const { words, frame } = embedTexts(parameters, config, inputs.pieces!, special);
      const sequence = arrange({ words: { tokens: words, mask: inputs.pieceMask! } }, frame, noDropout);
      return { outputs: { states: encode(parameters, lower, sequence, noDropout) } };
    },
  };
  const parameters = parameterSpecs(config, { itc: true });
  const model = openExecutable({ parameters, functions: alone, precision: 'bf16' });
  model.load(values);
  /** Of items of `counts` tokens beside [CLS]; the last of them is a [SEP], which padding comes behind or before. */
  const read = (
    name: 'image' | 'text',
    counts: readonly number[],
    inputs: (rows: readonly number[], length: number) => Arrays,
  ): States => {
    const order = counts.map((_, row) => row).sort((one, other) => counts[one]! - counts[other]!);
    const found: Float32Array[] = [];
    for (let at = 0; at < order.length; at += batchRows) {
      const rows = Array.from({ length: batchRows }, (_, row) => order[at + row] ?? order[at]!);
      const length = bucketFor(lengths, Math.max(...rows.map((row) => counts[row]!)));
      const states = model.run(name, inputs(rows, length)).states as Float32Array;
      const T = states.length / (batchRows * H);
      rows.forEach((row, index) => {
        const own = states.subarray(index * T * H, (index + 1) * T * H);
        // [CLS], what counts, and for images the [SEP] behind the padding.
        const end = name === 'image' ? [own.subarray((T - 1) * H)] : [];
        const whole = new Float32Array((counts[row]! + 1) * H);
        whole.set(own.subarray(0, (counts[row]! + 1 - end.length) * H));
        for (const last of end) whole.set(last, counts[row]! * H);
        found[row] = whole;
      });
    }
    return { values: found, hiddenSize: H };
  };
  const cut = images.map((image) => topRegions(image, maxRegions, config.featureSize));
  const result = {
    images: read(
      'image',
      cut.map(({ labels }) => labels.length + 1),
      (rows, length) => imageArrays(rows.map((row) => cut[row]!), length - 1, featureStatistics), // biome-ignore format: one line
    ),
    texts: read(
      'text',
      texts.map((text) => text.length + 1),
      (rows, length) => textArrays(rows.map((row) => texts[row]!), length - 1, special), // biome-ignore format: one line
    ),
  };
  model.dispose();
  return result;
}

/** States of pairs [image, text], each a row of its own, for `jointLogits`. */
export function jointArrays({ images, texts }: AloneStates, pairs: readonly (readonly [number, number])[]): Arrays {
  const padded = ({ values, hiddenSize: H }: States, rows: readonly number[]) => {
    const length = bucketFor(lengths, Math.max(...rows.map((row) => values[row]!.length / H)));
    const states = new Float32Array(rows.length * length * H);
    const mask = new Float32Array(rows.length * length);
    rows.forEach((row, index) => {
      states.set(values[row]!, index * length * H);
      mask.fill(1, index * length, index * length + values[row]!.length / H);
    });
    return [
      { shape: [rows.length, length, H], values: states },
      { shape: [rows.length, length], values: mask },
    ] as const;
  };
  const [imageStates, imageMask] = padded(images, pairs.map(([image]) => image)); // biome-ignore format: one line
  const [textStates, textMask] = padded(texts, pairs.map(([, text]) => text)); // biome-ignore format: one line
  return { imageStates, imageMask, textStates, textMask };
}

/** Matching logits [B] of `jointArrays`, by the mean of what the last so many layers make of both. */
export function jointLogits(
  { config }: Pick<Checkpoint, 'config'>,
  layers: number,
  { inputs, parameters, drop }: { inputs: Inputs; parameters: Parameters; drop: Dropout },
): Tensor {
  const from = config.layers - layers;
  const upper: Parameters = (name) =>
    parameters(name.replace(/\.layer\.(\d+)\./, (_, index) => `.layer.${Number(index) + from}.`));
  const tokens = drop(tf.concat([inputs.imageStates!, inputs.textStates!], 1));
  const mask = tf.concat([inputs.imageMask!, inputs.textMask!], 1);
  const states = encode(upper, { ...config, layers }, { tokens, mask }, drop);
  return matchingLogits(parameters, drop(pool(parameters, meanOfTokens(states, mask))));
}
