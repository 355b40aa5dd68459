/**
 * The probability that a picture is a photograph and not a drawing, a screenshot, a diagram or a slide: logistic regression over
 * EfficientNet-Lite2's features, which relevance and regions need too. Its weights lie beside this file; `bench/photo.ts`
 * learned them from openly licensed pictures and measures them on others (docs/benchmarks.md, "Photographs").
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ImageScorer } from '../../dataset/scorer.ts';
import { UserError } from '../../dataset/user-error.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import type { ImageFeatures } from './image-features.ts';

/** What a picture can be; the first is what is scored. */
export const pictureClasses = ['photo', 'drawing', 'screenshot', 'diagram', 'slide'] as const;
export type PictureClass = (typeof pictureClasses)[number];

/** Weights [C, D] and bias [C] over the features of one network. */
export interface PhotoHead {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export const photoHeadPath = fileURLToPath(new URL('./photo.safetensors', import.meta.url));

/**
 * Scores by the head in `path` over `features`, which stay their owner's. Throws a UserError for a head that was learned
 * over other features.
 */
export function photoScorer(features: ImageFeatures, path = photoHeadPath): ImageScorer {
  const { tensors, metadata } = readSafetensors(path);
  const [weight, bias] = [tensors.get('weight'), tensors.get('bias')];
  if (metadata.features !== features.name || metadata.classes !== pictureClasses.join() || !weight || !bias) {
    throw new UserError(
      `Expected a photo head over ${features.name} for ${path} but received one over ${metadata.features ?? 'nothing known'}; learn it anew with bench/photo.ts.`,
    );
  }
  const head = { weight: weight.values, bias: bias.values };
  return {
    model: `photo-${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`,
    score: async (images) =>
      (await features.of(images)).map((vector) => (vector === null ? null : classProbabilities(head, vector)[0]!)),
  };
}

/** The softmax over the classes of one feature vector [D]: [C]. */
export function classProbabilities({ weight, bias }: PhotoHead, vector: Float32Array): Float32Array {
  const logits = bias.map((offset, row) => {
    let sum = offset;
    for (let at = 0; at < vector.length; at++) sum += weight[row * vector.length + at]! * vector[at]!;
    return sum;
  });
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
