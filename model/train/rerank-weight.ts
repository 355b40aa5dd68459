/**
 * The weight of matching beside contrast of a checkpoint, fitted on the held-out pairs of its run when the run ends, and kept beside
 * its parameters as `rerank.json`. It names the images that it was fitted on, which re-ranking must not be judged by.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { expected } from '../../dataset/user-error.ts';
import { fitRerankWeight, likeliest, type RerankFit, rerankQueries } from '../ranking/rerank.ts';
import { similarities } from '../ranking/scoring.ts';
import type { HeldOut } from './held-out.ts';

/** Images and texts that ask, and candidates of each. Ours: 4,096 pairs at most, some ten training steps. */
const maxQueries = 128;
const candidates = 16;

export interface RerankWeight extends RerankFit {
  /** Of the images that it was fitted on. */
  readonly images: readonly string[];
}

const nameOf = (checkpoint: string): string => join(checkpoint, 'rerank.json');

export const hasRerankWeight = (checkpoint: string): boolean => existsSync(nameOf(checkpoint));

/** The weight of a checkpoint; undefined where it has none. Throws a UserError where it does not read. */
export function readRerankWeight(checkpoint: string): RerankWeight | undefined {
  if (!hasRerankWeight(checkpoint)) return undefined;
  const text = readFileSync(nameOf(checkpoint), 'utf8');
  try {
    const read = JSON.parse(text) as RerankWeight;
    if (read.weight >= 0 && Number.isFinite(read.weight) && Array.isArray(read.images)) return read;
  } catch {
    // Said below.
  }
  throw expected('a weight and its images', nameOf(checkpoint), text.slice(0, 40), 'remove it: it is then fitted anew');
}

/** Fits the weight of the parameters that the held-out pairs are scored with, and keeps it with their checkpoint. */
export function keepRerankWeight(checkpoint: string, { pairs, scoring }: HeldOut): void {
  const images = pairs.map(({ regions }) => regions);
  const texts = pairs.map(({ pieces }) => pieces);
  const N = pairs.length;
  const scale = scoring.similarityScale();
  const similar = similarities({ images, texts }, scoring).map((one) => one * scale);
  const chosen = likeliest(similar, { images: N, texts: N }, candidates, maxQueries);
  const matching = new Float32Array(N * N).fill(Number.NaN);
  scoring.match(images, texts, chosen).forEach((logit, index) => {
    const [image, text] = chosen[index]!;
    matching[image * N + text] = logit;
  });
  const scores = { similar, matching, owner: pairs.map((_, index) => index) };
  const fit = fitRerankWeight(rerankQueries(scores, (image) => image < maxQueries));
  const record: RerankWeight = { ...fit, images: pairs.map(({ imageId }) => imageId) };
  writeFileAtomic(nameOf(checkpoint), `${JSON.stringify(record, null, 2)}\n`);
}
