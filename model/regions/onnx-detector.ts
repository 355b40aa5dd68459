/**
 * Any detector that is an ONNX file: its options name the inputs and outputs and say what their numbers mean, so that exports
 * of Faster R-CNN, DETR, YOLO and their kin can be used as they are.
 */
import { expected } from '../../dataset/user-error.ts';
import type { EnsureOptions } from '../formats/cache.ts';
import { filesSha256 } from '../formats/file-hash.ts';
import { type OnnxModel, onnxFiles, openOnnx } from '../formats/onnx.ts';
import type { ShapedArray } from '../runtime/array.ts';
import { detectorDefaults } from './defaults.ts';
import { decodePixels } from './pixels.ts';
import type { Detector, Regions } from './region.ts';
import { suppressOverlaps } from './suppress.ts';

export interface OnnxDetectorOptions {
  readonly path: string;
  /** Names the folder of the features. */
  readonly name: string;
  /** Class names in the network's order. */
  readonly labels: readonly string[];
  readonly input: {
    readonly name: string;
    /** Side of the square the image is scaled to. */
    readonly sidePx: number;
    readonly layout?: 'nchw' | 'nhwc';
    readonly channels?: 'rgb' | 'bgr';
    /** Subtracted from channels of 0 to 255, in their order; then they are divided by `deviation`. */
    readonly mean?: readonly [number, number, number];
    readonly deviation?: readonly [number, number, number];
  };
  readonly outputs: {
    /** [1, N, 4] or [N, 4] */
    readonly boxes: string;
    /** [1, N] or [N] where `labels` is given, else [1, N, C] or [N, C]. */
    readonly scores: string;
    /** [1, N] or [N] integers. */
    readonly labels?: string;
    /** [1, N, D] or [N, D]; without it the class scores are the features. */
    readonly features?: string;
  };
  /** `corners`: x1 y1 x2 y2; `centre`: x y width height. */
  readonly boxForm?: 'corners' | 'centre';
  /** Boxes in pixels of the scaled image, or as shares of it. */
  readonly boxUnit?: 'pixels' | 'shares';
  /** What turns class scores into probabilities. */
  readonly activation?: 'none' | 'sigmoid' | 'softmax';
  /** A class that means nothing is there, as DETR's last one. */
  readonly background?: number;
  readonly minConfidence?: number;
  readonly topK?: number;
  /** Boxes that overlap a more confident one by more are left out; 1 where the network does it itself. */
  readonly maxOverlap?: number;
}

/** Loads the network. Throws a UserError for an input or output that it has not. */
export async function onnxDetector(options: OnnxDetectorOptions, ensure: EnsureOptions = {}): Promise<Detector> {
  const model = await openOnnx(options.path, ensure);
  if (options.outputs.labels && !options.outputs.features) {
    throw expected(
      'outputs.features',
      options.name,
      'labels without them',
      'name the output with a feature for every box',
    );
  }
  check(model.inputs, [options.input.name], 'input', options.path);
  check(model.outputs, Object.values(options.outputs), 'output', options.path);
  const probe = await runOne(model, options, new Float32Array(options.input.sidePx ** 2 * 3));
  const { labels } = options;
  const featureSize = probe.features.at(-1);
  if (!featureSize)
    throw expected('an output [N, D]', options.outputs.features ?? options.outputs.scores, 'no D', 'name another');
  return {
    name: options.name,
    model: filesSha256(onnxFiles(options.path)),
    labels,
    featureSize,
    batchSize: 1,
    settings: { options: JSON.stringify({ ...options, labels: undefined, path: undefined }) },
    async detect(images) {
      const all: (Regions | null)[] = [];
      for (const image of images) {
        const pixels = await decodePixels(image, options.input.sidePx);
        all.push(pixels && regionsOf((await runOne(model, options, pixels)).tensors, options, featureSize));
      }
      return all;
    },
    dispose: () => void model.dispose(),
  };
}

function check(has: readonly string[], wanted: readonly string[], kind: string, path: string): void {
  for (const name of wanted) {
    if (!has.includes(name)) throw expected(`an ${kind} of ${has.join(', ')}`, path, name, `name one of its ${kind}s`);
  }
}

interface Tensors {
  readonly boxes: ShapedArray;
  readonly scores: ShapedArray;
  readonly labels?: ShapedArray;
  readonly features?: ShapedArray;
}

async function runOne(model: OnnxModel, { input, outputs }: OnnxDetectorOptions, pixels: Float32Array) {
  const names = Object.entries(outputs);
  const values = await model.run(
    { [input.name]: prepare(pixels, input) },
    names.map(([, name]) => name),
  );
  const tensors = Object.fromEntries(names.map(([role], index) => [role, values[index]])) as unknown as Tensors;
  return { tensors, features: (tensors.features ?? tensors.scores).shape };
}

/** [S, S, 3] RGB to what the network takes. */
function prepare(pixels: Float32Array, input: OnnxDetectorOptions['input']): ShapedArray {
  const { sidePx: S, layout = 'nchw', channels = 'rgb', mean = [0, 0, 0], deviation = [1, 1, 1] } = input;
  const values = new Float32Array(pixels.length);
  for (let place = 0; place < S * S; place++) {
    for (let channel = 0; channel < 3; channel++) {
      const from = place * 3 + (channels === 'rgb' ? channel : 2 - channel);
      const to = layout === 'nhwc' ? place * 3 + channel : channel * S * S + place;
      values[to] = (pixels[from]! - mean[channel]!) / deviation[channel]!;
    }
  }
  return { shape: layout === 'nhwc' ? [1, S, S, 3] : [1, 3, S, S], values };
}

function regionsOf(tensors: Tensors, options: OnnxDetectorOptions, D: number): Regions {
  const { minConfidence = 0.2, topK = detectorDefaults.topK, maxOverlap = 0.5, labels: names, background } = options;
  const N = tensors.boxes.values.length / 4;
  const C = N === 0 ? 0 : tensors.scores.values.length / N;
  const best = (box: number): { label: number; confidence: number } => {
    if (tensors.labels) {
      return { label: tensors.labels.values[box]!, confidence: tensors.scores.values[box]! };
    }
    const scores = probabilities(tensors.scores.values.subarray(box * C, (box + 1) * C), options.activation ?? 'none');
    let label = background === 0 ? 1 : 0;
    for (let other = 0; other < C; other++) {
      if (other !== background && scores[other]! > scores[label]!) label = other;
    }
    return { label, confidence: scores[label]! };
  };
  const found = Array.from({ length: N }, (_, box) => ({ box, ...best(box) }))
    .filter(({ confidence, label }) => confidence >= minConfidence && label >= 0 && label < names.length)
    .sort((a, b) => b.confidence - a.confidence);
  const boxes = Float32Array.from(
    found.flatMap(({ box }) => share(tensors.boxes.values.subarray(box * 4, box * 4 + 4), options)),
  );
  const kept = suppressOverlaps(boxes, maxOverlap).slice(0, topK);
  // An image without a detection is one region: all of it, of no class in particular, without features.
  if (kept.length === 0) {
    return {
      boxes: Float32Array.of(0, 0, 1, 1),
      labels: new Int32Array(1),
      confidences: new Float32Array(1),
      features: new Float32Array(D),
    };
  }
  const features = (tensors.features ?? tensors.scores).values;
  const rows = kept.map((place) => found[place]!);
  return {
    boxes: Float32Array.from(kept.flatMap((place) => [...boxes.subarray(place * 4, place * 4 + 4)])),
    labels: Int32Array.from(rows, ({ label }) => label),
    confidences: Float32Array.from(rows, ({ confidence }) => confidence),
    features: Float32Array.from(rows.flatMap(({ box }) => [...features.subarray(box * D, (box + 1) * D)])),
  };
}

/** x1 y1 x2 y2 as shares of the image, 0 to 1. */
function share(
  box: Float32Array | Int32Array,
  { boxForm = 'corners', boxUnit = 'pixels', input }: OnnxDetectorOptions,
): number[] {
  const [a, b, c, d] = box as unknown as [number, number, number, number];
  const corners = boxForm === 'corners' ? [a, b, c, d] : [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
  const whole = boxUnit === 'shares' ? 1 : input.sidePx;
  return corners.map((side) => Math.min(1, Math.max(0, side / whole)));
}

function probabilities(scores: Float32Array | Int32Array, activation: 'none' | 'sigmoid' | 'softmax'): Float32Array {
  const values = Float32Array.from(scores);
  if (activation === 'sigmoid') return values.map((value) => 1 / (1 + Math.exp(-value)));
  if (activation === 'none') return values;
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
