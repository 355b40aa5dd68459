/**
 * Exports (`export CORPUS`), imports (`import ARCHIVE FOLDER`) or finishes a taking over (`settle FOLDER`), and is killed by SIGKILL
 * before the rename or deletion with the number of its first argument, counted from when the new version is whole.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const [last, what, from = '', into = ''] = process.argv.slice(2);
const outDir = what === 'export' ? join(from, 'shards') : what === 'import' ? into : from;
let steps = 0;
const killAtLast = (): void => {
  if (!fs.existsSync(join(outDir, '.next/commit.json'))) return;
  if (steps === Number(last)) process.kill(process.pid, 'SIGKILL');
  steps += 1;
};
const { renameSync, rmSync } = fs;
fs.renameSync = (...args) => {
  killAtLast();
  renameSync(...args);
};
fs.rmSync = (...args) => {
  killAtLast();
  rmSync(...args);
};
syncBuiltinESMExports();

if (what === 'export') {
  const { exportShards } = await import('../../../dataset/export/export.ts');
  await exportShards({ corpusDir: from, samplesPerShard: 10, validationFraction: 0.2 });
} else if (what === 'import') {
  const { importDataset } = await import('../../../dataset/import/import.ts');
  await importDataset({ from: 'webdataset', paths: from }, { outDir, samplesPerShard: 2 });
} else {
  const { settle } = await import('../../../dataset/shards/staging.ts');
  settle(outDir);
}
