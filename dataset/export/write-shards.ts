/** What an export does for each shard: leaves it, writes it again without some samples, mends it, or writes a new one. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { removedFrom } from '../ledger/growth.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RawStore } from '../ledger/raw-store.ts';
import { makeFolder } from '../make-folder.ts';
import type { Manifest } from '../shards/manifest.ts';
import { rewritingNote, stagingDir } from '../shards/staging.ts';
import { finishedShard, type ShardStats, statsJson, writeShard } from '../shards/writer.ts';
import { expected } from '../user-error.ts';
import { tableColumnsWith } from './more-columns.ts';
import { planHash, planItems, type ShardPlan } from './plan.ts';
import { placeShard, remakeShard, type ShardSettings, writerOptions } from './remake.ts';
import { readStats, rewriteShard, rewrittenPlan } from './rewrite.ts';
import type { Split } from './split.ts';

/** What all shards of one export share. */
export interface Writing {
  readonly ledger: Ledger;
  readonly raw: RawStore;
  readonly exportId: number;
  readonly outDir: string;
  /** The version that grows; null when all shards are new. */
  readonly base: Manifest | null;
  /** Whether there is no version yet that new shards could disturb: then they are written to their place at once. */
  readonly isFirst: boolean;
  readonly settings: ShardSettings;
  readonly concurrency: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A shard of the new version. */
export interface WrittenShard {
  readonly stats: ShardStats;
  /**
   * `staged`: it waits in the staging folder. `placed`: it was written to its place. `mended`: it was damaged and is again what the
   * manifest says. `none`: it is as it was.
   */
  readonly change: 'none' | 'staged' | 'placed' | 'mended';
}

/** Where a new shard is written, by which plan, and what there is of it since a killed export. */
export interface NewShard {
  /** Its path without an ending. */
  readonly path: string;
  readonly hash: string;
  readonly there: WrittenShard | null;
}

/** Looks for a new shard where it belongs, and where it waits to be taken over. */
export function newShard({ outDir, base, isFirst, settings }: Writing, plan: ShardPlan): NewShard {
  const name = String(plan.number).padStart(settings.shardDigits, '0');
  const hash = planHash(plan, settings);
  const path = join(isFirst ? outDir : stagingDir(outDir), plan.split, name);
  const placed = base === null ? finishedShard(join(outDir, plan.split, name), hash) : null;
  if (placed !== null) return { path, hash, there: { stats: placed, change: 'none' } };
  const staged = finishedShard(path, hash);
  return { path, hash, there: staged === null ? null : { stats: staged, change: 'staged' } };
}

/** What becomes of a new shard that is written now. */
export const changeOf = ({ isFirst }: Writing): WrittenShard['change'] => (isFirst ? 'placed' : 'staged');

/** Writes a new shard, unless it is there already. */
async function writePlanned(writing: Writing, plan: ShardPlan): Promise<WrittenShard> {
  const { raw, settings, concurrency, signal } = writing;
  const { path, hash, there } = newShard(writing, plan);
  if (there !== null) return there;
  makeFolder(dirname(path));
  clear(path);
  const stats = await writeShard(path, plan.number, planItems(plan, raw), hash, {
    ...writerOptions(settings, plan.split),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { stats, change: changeOf(writing) };
}

/** A new shard of a version. */
export interface NumberedShard {
  readonly split: Split;
  readonly number: number;
  readonly written: WrittenShard;
}

/** Hears of each new shard when it is there. */
export type OnShard = (split: Split, number: number, written: WrittenShard) => void;

/** Writes all planned shards that are not there, one after another. */
export async function* writtenHere(
  writing: Writing,
  plans: Iterable<ShardPlan>,
  onShard: OnShard,
): AsyncGenerator<NumberedShard> {
  for (const plan of plans) {
    writing.signal?.throwIfAborted();
    // Where the corpus was, its folder would be made anew.
    writing.ledger.checkPlace();
    const { split, number } = plan;
    const written = await writePlanned(writing, plan);
    onShard(split, number, written);
    yield { split, number, written };
  }
}

/** A shard of the version before, as the new one has it; null when none of its samples is left. */
export async function keepShard(writing: Writing, split: Split, name: string): Promise<WrittenShard | null> {
  const { ledger, outDir, settings } = writing;
  ledger.checkPlace();
  const shard = `${split}/${name}`;
  const base = join(outDir, shard);
  const isDamaged = !isWhole(writing, shard);
  if (isDamaged) await mend(writing, shard);
  const stats = readStats(base);
  const keys = new Set(removedFrom(ledger, shard).map(({ key }) => key));
  if (keys.size === 0) return { stats, change: isDamaged ? 'mended' : 'none' };
  if (keys.size === stats.successes) return null;
  const outBase = join(stagingDir(outDir), shard);
  const note = createHash('sha256')
    .update(statsJson(stats))
    .update([...keys].join('\n'))
    .digest('hex');
  const notePath = outBase + rewritingNote;
  if (existsSync(notePath) && readFileSync(notePath, 'utf8') === note) {
    const staged = finishedShard(outBase, rewrittenPlan);
    if (staged !== null) return { stats: staged, change: 'staged' };
  }
  makeFolder(dirname(outBase));
  clear(outBase);
  const isRemoved = ({ key }: Readonly<Record<string, unknown>>) => keys.has(key as string);
  const rewritten = await rewriteShard({
    base,
    outBase,
    columns: tableColumnsWith(settings),
    isRemoved,
  });
  writeFileAtomic(notePath, note);
  return { stats: rewritten, change: 'staged' };
}

/** Removes staged files that belong to none of these shards (`train/00000`): of a killed export that had planned something else. */
export function pruneStaged(outDir: string, shards: ReadonlySet<string>): void {
  const staging = stagingDir(outDir);
  if (!existsSync(staging)) return;
  for (const entry of readdirSync(staging, { withFileTypes: true })) {
    if (!entry.isDirectory()) rmSync(join(staging, entry.name));
    else {
      for (const name of readdirSync(join(staging, entry.name))) {
        const [, shard = ''] = /^(\d+)(?:[._]|$)/.exec(name) ?? [];
        if (!shards.has(`${entry.name}/${shard}`)) rmSync(join(staging, entry.name, name), { recursive: true });
      }
    }
  }
}

/** Removes what a killed export had staged under this name for another plan. */
export function clear(path: string): void {
  for (const ending of ['', '.tar', '.jsonl', '.parquet', '_stats.json', rewritingNote]) {
    rmSync(path + ending, { recursive: true, force: true });
  }
}

/** Whether the files of a shard are there in the sizes that the manifest has. */
function isWhole({ outDir, base }: Writing, shard: string): boolean {
  const statsPath = join(outDir, `${shard}_stats.json`);
  const known = base!.files;
  if (!existsSync(statsPath) || statSync(statsPath).size !== known[`${shard}_stats.json`]!.bytes) return false;
  const { lait } = JSON.parse(readFileSync(statsPath, 'utf8')) as ShardStats;
  return Object.keys(lait.files).every((ending) => {
    const path = join(outDir, shard + ending);
    return existsSync(path) && statSync(path).size === known[shard + ending]?.bytes;
  });
}

/** Makes a damaged shard again, with the same bytes. Throws a UserError when that cannot be. */
async function mend({ ledger, raw, exportId, outDir, base, settings }: Writing, shard: string): Promise<void> {
  const workshop = join(stagingDir(outDir), 'remade');
  const endings = await remakeShard({ ledger, raw, exportId, manifest: base!, settings, workshop }, shard);
  if (endings === null) {
    const path = join(outDir, shard);
    throw expected('a whole shard', path, 'a damaged one that cannot be made again', 'export with --rebuild');
  }
  placeShard(workshop, outDir, shard, endings);
  rmSync(workshop, { recursive: true });
}
