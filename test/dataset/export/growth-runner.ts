/** Lets the export of the corpus named by its first argument grow; says each shard. */
import { exportShards } from '../../../dataset/export/export.ts';

await exportShards(
  { corpusDir: process.argv[2]!, samplesPerShard: 10, validationFraction: 0.2 },
  { onProgress: () => process.stdout.write('shard\n') },
);
