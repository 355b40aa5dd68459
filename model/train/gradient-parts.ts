/** The norm of the gradients by part of the model: which part learns how much, before clipping. */
import type { Scalar, Tensor } from '../runtime/backend.ts';
import { normOf } from '../runtime/optimizer.ts';

/** words: embeddings of BERT; regions: what makes tokens of regions; layers: the encoder; heads: pooler and objectives. */
export const modelParts = ['words', 'regions', 'layers', 'heads'] as const;

export type ModelPart = (typeof modelParts)[number];

/** The part that a parameter belongs to, by its name. */
export function partOf(parameter: string): ModelPart {
  if (parameter.startsWith('bert.embeddings.')) return 'words';
  if (parameter.startsWith('visual.')) return 'regions';
  return parameter.startsWith('bert.encoder.') ? 'layers' : 'heads';
}

/** `gradientNorm/PART` of each part with gradients, from half the sum of squares of each gradient by parameter. */
export function gradientNorms(halves: ReadonlyMap<string, Tensor>): Record<string, Scalar> {
  const norms = modelParts.flatMap((part) => {
    const own = [...halves].filter(([name]) => partOf(name) === part).map(([, half]) => half);
    return own.length === 0 ? [] : [[`gradientNorm/${part}`, normOf(own)] as const];
  });
  return Object.fromEntries(norms);
}
