/** Imports one archive, telling of each sample: a test kills it. */
import { importDataset } from '../../../dataset/import/import.ts';

const [paths = '', outDir = ''] = process.argv.slice(2);
await importDataset(
  { from: 'webdataset', paths },
  { outDir, samplesPerShard: 2 },
  { onProgress: ({ total }) => process.stdout.write(`${total}\n`) },
);
