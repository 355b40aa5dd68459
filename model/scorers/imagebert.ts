/**
 * An ImageBERT as the relevance scorer (the second generation of LAIT's weak semantic model, ImageBERT §3 step 4): regions of
 * the raw image by the detector that the run was trained with, word pieces by the run's vocabulary, and the probability of
 * matching (ITM) or the cosine of both sides' embeddings (ITC) through the compiled graph.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expected } from '../../dataset/user-error.ts';
import { tokenizerOf } from '../data/tokenizer.ts';
import { type Detector, type Regions, topRegions } from '../regions/region.ts';
import { scorer } from '../retrieval/score.ts';
import type { Precision } from '../runtime/traced-function.ts';
import { type Checkpoint, readCheckpoint } from '../train/checkpoint.ts';
import type { Relevance } from './relevance.ts';

/** What a pair's number is: `itm` a probability, 0 to 1, of the fused model; `itc` a cosine, -1 to 1, of two embeddings. */
export type RelevanceHead = 'itm' | 'itc';

export interface ImageBertRelevanceOptions {
  /** The one that the checkpoint names; its owner frees it. */
  readonly detector: Detector;
  /**
   * When left out `itc` where the checkpoint learned it, else `itm`: early in training ITC alone agrees with people
   * (docs/decisions/0021-relevance-and-ranking-by-contrast.md).
   */
  readonly head?: RelevanceHead;
  readonly precision?: Precision;
  readonly compiled?: boolean;
}

/** Pairs a call of the graph: what `filters/score-pairs.ts` gives at once. */
const batchPairs = 32;

/**
 * `path` is a checkpoint folder, or a run, whose newest one is taken. The name of the model holds the head and a sum over
 * weights, vocabulary and detector. Throws a UserError for another detector than the checkpoint's, and for the head ITC where
 * the model did not learn it.
 */
export function imageBertRelevance(path: string, options: ImageBertRelevanceOptions): Relevance {
  const { detector, head: wanted, ...running } = options;
  const checkpoint = readCheckpoint(path);
  const { config, objectives, vocabulary } = checkpoint;
  const head = wanted ?? (objectives.itc > 0 ? 'itc' : 'itm');
  if (detector.name !== checkpoint.detector) {
    throw expected(`${checkpoint.detector}, the checkpoint's`, 'the detector', detector.name, 'set it in lait.yaml');
  }
  if (detector.featureSize !== config.featureSize) {
    throw expected(
      `features of ${config.featureSize} numbers, as ${path} has learned,`,
      `the detector ${detector.name}`,
      detector.featureSize,
      'set it in lait.yaml as it was',
    );
  }
  if (objectives[head] === 0) {
    throw expected(`a checkpoint that learned ${head.toUpperCase()}`, 'relevance', path, 'take the other head');
  }
  const tokenizer = tokenizerOf(vocabulary);
  const model = scorer(checkpoint, { batchPairs, ...running });
  return {
    model: `imagebert-${head}-${identity(checkpoint, detector)}`,
    score: async (pairs) => {
      const bytes = new Map(pairs.map(({ sha256, image }) => [sha256, image]));
      const regions = await detectAll(detector, [...bytes.values()], config.maxRegions);
      const places = new Map<string, number>(); // by image, where it decodes
      const images: Regions[] = [];
      [...bytes.keys()].forEach((sha256, at) => {
        const found = regions[at];
        if (found) places.set(sha256, images.push(found) - 1);
      });
      const whole = pairs.filter(({ sha256 }) => places.has(sha256));
      if (whole.length === 0) return pairs.map(() => null);
      const texts = whole.map(({ text }) => tokenizer.encode(text, config.maxPieces));
      const rows = whole.map(({ sha256 }) => places.get(sha256)!);
      const scores = head === 'itm' ? probabilities() : cosines();
      let next = 0;
      return pairs.map(({ sha256 }) => (places.has(sha256) ? scores[next++]! : null));

      function probabilities(): Float32Array {
        const logits = model.match(
          images,
          texts,
          rows.map((image, text) => [image, text] as const),
        );
        return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
      }
      function cosines(): Float32Array {
        const seen = model.embedImages(images); // [images, C]
        const said = model.embedTexts(texts); // [texts, C]
        const C = said.length / texts.length;
        return Float32Array.from(rows, (image, text) => {
          let sum = 0;
          for (let at = 0; at < C; at++) sum += seen[image * C + at]! * said[text * C + at]!;
          return sum;
        });
      }
    },
    dispose: () => model.dispose(),
  };
}

/** Regions of each image, the most confident ones that the model has room for; null where it does not decode. */
async function detectAll(detector: Detector, images: readonly Buffer[], most: number): Promise<(Regions | null)[]> {
  const all: (Regions | null)[] = [];
  for (let at = 0; at < images.length; at += detector.batchSize) {
    const found = await detector.detect(images.slice(at, at + detector.batchSize));
    all.push(...found.map((one) => one && topRegions(one, most, detector.featureSize)));
  }
  return all;
}

function identity({ dir, vocabulary }: Checkpoint, { name, settings }: Detector): string {
  const hash = createHash('sha256').update(readFileSync(join(dir, 'model.safetensors')));
  return hash
    .update(JSON.stringify([vocabulary, name, settings ?? {}]))
    .digest('hex')
    .slice(0, 12);
}
