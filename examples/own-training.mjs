// A training loop over one's own shards and features, here those of own-detector.mjs. `node own-training.mjs CORPUS STEPS`.
import { join } from 'node:path';
import { readShards } from 'lait/dataset';
import { presets, pretrain, readColumnsManifest, shardSource, tokenizerOf, VocabularyLearner } from 'lait/model';

const [corpus = 'corpus', steps = '20'] = process.argv.slice(2);
const shards = join(corpus, 'shards/train');
const regions = join(corpus, 'regions/quarters');

const learner = new VocabularyLearner();
for await (const { fields } of readShards({ paths: shards })) learner.add(fields.txt?.toString('utf8') ?? '');
const tokenizer = tokenizerOf(learner.learn({ size: 1000 }));

const columns = await readColumnsManifest(regions);
const { maxPieces, maxRegions, ...size } = presets.tiny;
const reading = { shards, regions, tokenizer, maxPieces, maxRegions };
const { checkpoint } = await pretrain(
  {
    runDir: join(corpus, 'runs/own'),
    source: shardSource(reading, 0),
    config: {
      ...size,
      maxPieces,
      maxRegions,
      vocabularySize: tokenizer.size,
      featureSize: columns.featureSize,
      classes: columns.labels.length,
    },
    vocabulary: tokenizer.vocabulary,
    detector: columns.name,
    objectives: { mlm: 1, moc: 0, mrfr: 1, itm: 1, itc: 0 },
    steps: Number(steps),
    batchSize: 8,
  },
  { onProgress: ({ step, loss }) => console.log(`step ${step}, loss ${loss.toFixed(3)}`) },
);
console.log(checkpoint);
