/**
 * `npx lait setup`: makes a fresh checkout, or a project that has installed lait, able to run everything. Each step is skipped when
 * its result is there; a stamp beside the packages makes the whole a no-op, and `npm ci` removes it together with what it vouches for.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setUpBrowser } from './browser.ts';
import { setUpSqlite, sqliteState } from './native.ts';
import { packageDir } from './run.ts';
import { setUpTensorflow, tensorflowReady, wantedVariant } from './tensorflow.ts';
import { tensorflowVersion } from './wheels.ts';

const stampFile = join(dirname(packageDir('better-sqlite3')), '.lait-setup.json');

/** Brings everything up; `say` gets one line per thing done. Returns false when there was nothing to do. */
export async function setUp(say: (line: string) => void): Promise<boolean> {
  const variant = await wantedVariant();
  const stamp = JSON.stringify({ node: process.versions.modules, tensorflow: tensorflowVersion, variant });
  const stampHolds = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
  if (stampHolds && tensorflowReady() && (await sqliteState()) === 'ready') return false;
  const started = performance.now();
  say('SQLite: setting up the addon');
  await setUpSqlite(say);
  say(`TensorFlow ${tensorflowVersion} for ${variant}: setting up the runtime`);
  await setUpTensorflow(variant, say);
  await setUpBrowser(say);
  writeFileSync(stampFile, stamp);
  say(`Ready in ${((performance.now() - started) / 1000).toFixed(0)} s; \`npx lait doctor\` shows what there is`);
  return true;
}
