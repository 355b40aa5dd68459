/** Whether samples are trained with the features of their own pictures: both are computed anew and compared. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { imageOf, readShards } from '../../dataset/shards/reader.ts';
import { readExamples } from '../../model/data/example.ts';
import { tokenizerOf } from '../../model/data/tokenizer.ts';
import { VocabularyLearner } from '../../model/data/vocabulary.ts';
import { openDetector } from '../../model/regions/open.ts';
import { floatsOf } from '../../model/runtime/half.ts';

/**
 * How many samples the shards of a corpus have, and how many of them are read with exactly the features that the detector `patches` finds
 * in their own picture.
 */
export async function ownFeatures(corpus: string): Promise<{ samples: number; own: number }> {
  const detector = await openDetector({ kind: 'patches' });
  const learner = new VocabularyLearner();
  learner.add('A square of colour number 0 1 2 3 4 5 6 7 8 9');
  const tokenizer = tokenizerOf(learner.learn({ size: 100 }));
  let [samples, own] = [0, 0];
  for (const split of ['train', 'validation']) {
    const shards = join(corpus, 'shards', split);
    if (!existsSync(join(shards, 'index.json'))) continue;
    const examples = new Map<string, Float32Array>();
    const reading = { shards, regions: join(corpus, 'regions/patches'), tokenizer, maxPieces: 41, maxRegions: 100 };
    for await (const { key, regions } of readExamples(reading)) examples.set(key, floatsOf(regions.features));
    for await (const sample of readShards({ paths: shards })) {
      samples += 1;
      const [found] = await detector.detect([imageOf(sample)!]);
      const read = examples.get(sample.key);
      if (read?.every((value, at) => Math.abs(value - found!.features[at]!) < 1e-3)) own += 1;
    }
  }
  detector.dispose();
  return { samples, own };
}
