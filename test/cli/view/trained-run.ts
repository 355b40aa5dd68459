/** What `lait export`, `regions` and `pretrain` would leave of a judged corpus, by a detector of five classes and a model that learns in a moment. */
import { join } from 'node:path';
import { exportShards } from '../../../dataset/export/export.ts';
import { random } from '../../../dataset/random.ts';
import { PictureColumnWriter } from '../../../dataset/shards/picture-columns.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { type Example, readExamples } from '../../../model/data/example.ts';
import { memorySource } from '../../../model/data/source.ts';
import { tokenizerOf } from '../../../model/data/tokenizer.ts';
import { VocabularyLearner } from '../../../model/data/vocabulary.ts';
import { claimColumns, regionFields } from '../../../model/regions/columns.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { config as smallConfig } from '../../model/small-model.ts';

const detector = {
  layout: 2,
  name: 'test',
  model: null,
  labels: ['bird', 'branch', 'tree', 'house', 'sky'],
  featureSize: smallConfig.featureSize,
  maxRegions: smallConfig.maxRegions,
} as const;

/** Half of the images are held out. A run that is there goes on until the step. */
export async function trainRun(corpusDir: string, name: string, steps = 2): Promise<void> {
  await exportShards({ corpusDir, validationFraction: 0.5 });
  const regions = join(corpusDir, 'regions', detector.name);
  const columns = await PictureColumnWriter.open(regions);
  claimColumns(regions, detector);
  const learner = new VocabularyLearner();
  const draw = random(7);
  const R = smallConfig.maxRegions;
  const shardsOf = (split: string) => join(corpusDir, 'shards', split);
  for await (const { imageSha256, fields } of readShards({
    paths: [shardsOf('train'), shardsOf('validation')],
    hashImages: true,
  })) {
    learner.add(fields.txt!.toString('utf8'));
    if ((await columns.firstField(imageSha256!)) !== null) continue;
    const given = regionFields({
      boxes: Float32Array.from(Array.from({ length: R }, (_, at) => [at / R, 0.25, (at + 1) / R, 0.75]).flat()),
      labels: Int32Array.from({ length: R }, () => draw.below(detector.labels.length)),
      confidences: new Float32Array(R).fill(0.5),
      features: Float32Array.from({ length: R * detector.featureSize }, () => draw.normal()),
    });
    columns.add(imageSha256!, given);
  }
  await columns.close();
  const tokenizer = tokenizerOf(learner.learn({ size: 100, minCount: 1 }));
  const config = { ...smallConfig, maxPieces: 16, vocabularySize: tokenizer.size };
  const examples = async (split: string) => {
    const reading = { shards: shardsOf(split), regions, tokenizer, maxPieces: 16, maxRegions: R };
    const all: Example[] = [];
    for await (const example of readExamples(reading)) all.push(example);
    return all;
  };
  await pretrain({
    ...{ runDir: join(corpusDir, 'runs', name), config, vocabulary: tokenizer.vocabulary, detector: detector.name },
    ...{ source: memorySource(await examples('train'), 1), steps, batchSize: 4, compiled: false, resume: true },
  });
}
