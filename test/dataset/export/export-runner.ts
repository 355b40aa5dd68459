/** Exports the corpus named by its first argument to the folder named by its second; says each finished shard. */
import { exportShards } from '../../../dataset/export/export.ts';

await exportShards(
  {
    corpusDir: process.argv[2]!,
    outDir: process.argv[3]!,
    samplesPerShard: 10,
    validationFraction: 0.2,
    encode: 'jpeg',
  },
  { onProgress: () => process.stdout.write('shard\n') },
);
