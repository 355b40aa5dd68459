/**
 * Columns as older versions wrote them: a tar of the same name beside each shard, joined by key. They are taken over where they
 * can be verified: the shard is the one that they were made from, by size and time, and the detector finds in its first
 * picture what the column says. Whatever is not taken over is detected again.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { withCleanup } from '../../dataset/cleanup.ts';
import { PictureColumnWriter } from '../../dataset/shards/picture-columns.ts';
import { imageHash, imageOf, readShard } from '../../dataset/shards/reader.ts';
import { floatsOf } from '../runtime/half.ts';
import {
  type ColumnsManifest,
  checkSameDetector,
  columnFields,
  columnsManifestIn,
  columnsManifestName,
  regionsOf,
} from './columns.ts';
import { type Detector, topRegions } from './region.ts';

interface Converting {
  readonly shards: string;
  readonly outDir: string;
  readonly detector: Detector;
  readonly manifest: ColumnsManifest;
  readonly signal?: AbortSignal | undefined;
}

/** What is known of an old column: `00000.json` beside `00000.tar`. */
interface OldRecord {
  readonly shard: { readonly byteLength: number; readonly mtimeMs: number };
}

const oldFile = /^\d+\.(tar|json|tar\..*partial)$/;

/**
 * Takes over the columns of an older layout in a folder and removes their manifest; returns how many pictures those were. Throws a
 * UserError where another detector made them. Killed half-way, it is to be called again.
 */
export async function convertOldColumns({ shards, outDir, detector, manifest, signal }: Converting): Promise<number> {
  const old = columnsManifestIn(outDir);
  if (old === null || old.layout === manifest.layout) return 0;
  checkSameDetector(outDir, { ...old, model: manifest.model }, manifest);
  return withCleanup(async (defer) => {
    const columns = await PictureColumnWriter.open(outDir);
    defer(() => columns.close());
    const before = columns.size;
    for (const name of oldColumns(outDir)) {
      signal?.throwIfAborted();
      if (!isMadeFrom(join(outDir, name), join(shards, name))) continue;
      const fields = await fieldsByKey(join(outDir, name));
      let isVerified = false;
      for await (const sample of readShard(join(shards, name))) {
        signal?.throwIfAborted();
        const [own, image] = [fields.get(sample.key), imageOf(sample)];
        if (own === undefined || image === undefined) continue;
        isVerified ||= await isFoundAgain(own, image, detector, manifest);
        if (!isVerified) break;
        const sha256 = imageHash(image);
        if ((await columns.firstField(sha256)) === null) columns.add(sha256, own);
        if (columns.waitingBytes > maxWaitingBytes) await columns.flush();
      }
      await columns.flush();
    }
    rmSync(join(outDir, columnsManifestName));
    return columns.size - before;
  });
}

const maxWaitingBytes = 64 << 20;

/** Removes what lies in a folder of columns from an older layout. */
export function removeOldColumns(outDir: string): void {
  for (const name of oldFiles(outDir)) rmSync(join(outDir, name));
}

/** In the folders of splits; what lies in the folder itself is of the present layout. */
function oldFiles(outDir: string): string[] {
  const splits = readdirSync(outDir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return splits.flatMap(({ name: split }) =>
    readdirSync(join(outDir, split))
      .filter((name) => oldFile.test(name))
      .map((name) => join(split, name)),
  );
}

const oldColumns = (outDir: string): string[] =>
  oldFiles(outDir)
    .filter((name) => name.endsWith('.tar'))
    .sort();

function isMadeFrom(column: string, shard: string): boolean {
  const recordPath = column.replace(/\.tar$/, '.json');
  if (!existsSync(recordPath) || !existsSync(shard)) return false;
  const { byteLength, mtimeMs } = (JSON.parse(readFileSync(recordPath, 'utf8')) as OldRecord).shard;
  const now = statSync(shard);
  return now.size === byteLength && now.mtimeMs === mtimeMs;
}

type OldFields = Readonly<Record<string, Buffer>>;

async function fieldsByKey(column: string): Promise<Map<string, OldFields>> {
  const found = new Map<string, OldFields>();
  for await (const { key, fields } of readShard(column)) {
    if (columnFields.every((name) => fields[name])) found.set(key, fields);
  }
  return found;
}

/** Halves of features that were computed twice, on other threads or another machine, may differ in their last bits. */
const maxDifference = 0.02;

async function isFoundAgain(
  own: OldFields,
  image: Buffer,
  detector: Detector,
  manifest: ColumnsManifest,
): Promise<boolean> {
  const was = regionsOf(own, manifest);
  const [found] = await detector.detect([image]);
  if (typeof was === 'string' || !found) return false;
  const is = topRegions(found, manifest.maxRegions, detector.featureSize);
  if (was.labels.length !== is.labels.length) return false;
  const [before, now] = [floatsOf(was.features), floatsOf(is.features)];
  const scale = now.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
  return now.every((value, at) => Math.abs(value - before[at]!) <= maxDifference * scale);
}
