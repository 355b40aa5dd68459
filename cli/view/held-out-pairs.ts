/**
 * The held-out pairs of a run, and where their pictures lie: what is read to show what a run makes of them. `databases` is the folder where the
 * ledger is read.
 */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type BrowsedPair, browsedColumns } from '../../dataset/ledger/browse.ts';
import { type ExportRecord, exportRecords, pairsByKey } from '../../dataset/ledger/exports.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { UserError } from '../../dataset/user-error.ts';
import { type Example, readExamples } from '../../model/data/example.ts';
import { type Tokenizer, tokenizerOfModel } from '../../model/data/tokenizer.ts';
import { readColumnsManifest } from '../../model/regions/columns.ts';
import { bestCheckpoint, type Checkpoint, latestCheckpoint, readCheckpoint } from '../../model/train/checkpoint.ts';
import { differentPairs } from '../../model/train/held-out.ts';
import { checkDetectorModel } from '../../model/train/made-from.ts';
import { firstImages } from '../first-images.ts';

export interface RunQuestion {
  readonly corpusDir: string;
  readonly databases: string;
  /** The name of a run, or of a stage, in `runs/`. */
  readonly run: string;
}

/** Held-out pairs that are looked at: the first in the order in which a run reads those that it measures. */
const lookedAt = 64;
export interface HeldOut {
  readonly checkpoint: Checkpoint;
  readonly isBest: boolean;
  readonly tokenizer: Tokenizer;
  readonly labels: readonly string[];
  readonly pairs: readonly Example[];
}

/** The run's best checkpoint, or its newest, and pairs that it does not learn from. Throws a UserError where something is not there yet. */
export async function heldOut({ corpusDir, run }: RunQuestion): Promise<HeldOut> {
  const dir = join(corpusDir, 'runs', run);
  if (latestCheckpoint(dir) === undefined) throw new UserError('This run has no checkpoint yet.');
  const checkpoint = readCheckpoint(dir);
  const shards = join(corpusDir, 'shards', 'validation');
  const regions = join(corpusDir, 'regions', checkpoint.detector);
  if (!existsSync(shards))
    throw new UserError('This corpus has no held-out pairs: `lait export` writes them to shards/validation.');
  if (!existsSync(regions))
    throw new UserError(`This corpus has no regions of ${checkpoint.detector}, which the run has learned from: \`lait regions\` makes them.`); // biome-ignore format: one line
  const { model, labels } = await readColumnsManifest(regions);
  checkDetectorModel(checkpoint, model);
  const tokenizer = tokenizerOfModel(checkpoint);
  const { maxPieces, maxRegions } = checkpoint.config;
  const reading = { shards, regions, tokenizer, maxPieces, maxRegions, shuffle: { seed: 0 } };
  const { examples } = await firstImages(readExamples(reading), { maxImages: lookedAt, together: true });
  const pairs = differentPairs(examples);
  if (pairs.length < 2)
    throw new UserError(`Expected two held-out pairs with regions or more but found ${pairs.length}.`);
  return {
    checkpoint,
    isBest: bestCheckpoint(dir)?.checkpoint === checkpoint.dir,
    tokenizer,
    labels,
    pairs,
  };
}

/** A pair of the ledger whose picture is still the one of its sample. */
export interface Pictured extends BrowsedPair {
  readonly width: number;
  readonly height: number;
  /** What the export made of its pictures. */
  readonly configuration: ExportRecord['configuration'];
}

/** Calls `use` with what finds the pair of an example in the ledger. */
export function withPictures<T>(
  { corpusDir, databases }: RunQuestion,
  examples: readonly Example[],
  use: (found: (example: Example) => Pictured | null) => T,
): T {
  const ledger = Ledger.openReadOnly(databases);
  try {
    const own = exportRecords(ledger, corpusDir).find(({ folder }) => resolve(folder) === resolve(corpusDir, 'shards'));
    const keys = examples.map(({ key }) => basename(key));
    const pairs = own ? pairsByKey(ledger, own.id, 'validation', keys) : new Map<string, never>();
    const select = ledger.statement(
      `SELECT i.sha256, ${browsedColumns} FROM pairs p JOIN images i ON i.id = p.image_id
       WHERE p.id = ? AND i.sha256 IS NOT NULL AND i.segment IS NOT NULL`,
    );
    return use(({ key }) => {
      const pair = pairs.get(basename(key));
      const there = pair && (select.get(pair.id) as (Pictured & { sha256: string }) | undefined);
      // Another picture under the same address: a later crawl found it.
      if (!own || !there || !pair.content?.startsWith(there.sha256.slice(0, 16))) return null;
      const { sha256: _, ...shown } = there;
      return { ...shown, configuration: own.configuration };
    });
  } finally {
    ledger.close();
  }
}
