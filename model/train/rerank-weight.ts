/**
 * The weight of matching beside contrast of a checkpoint, fitted on the held-out pairs of its run when the run ends, and kept beside
 * its parameters as `rerank.json`. It names the images that it was fitted on, which re-ranking must not be judged by.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { expected } from '../../dataset/user-error.ts';
import { cosinesOf, cosinesWithoutHubs } from '../ranking/hubs.ts';
import { fitRerankWeight, likeliest, type RerankFit, rerankQueries } from '../ranking/rerank.ts';
import { embedInBatches, inBatches, type PairIndex } from '../ranking/scoring.ts';
import { rerankName } from './checkpoint.ts';
import type { HeldOut } from './held-out.ts';
import type { Keeping, KeptHubBank } from './hub-bank.ts';

/** Images and texts that ask, and candidates of each. Ours: 4,096 pairs at most, some ten training steps. */
const maxQueries = 128;
const candidates = 16;

export interface RerankWeight extends RerankFit {
  /** SHA-256 of the bank whose hubs were taken off contrast; null where none was. */
  readonly hubs: string | null;
  /** Of the images that it was fitted on; undefined where an earlier version kept the weight, with other ids. */
  readonly images?: readonly string[] | undefined;
}

interface KeptWeight extends RerankWeight {
  readonly ids?: 'content';
}

const nameOf = (checkpoint: string): string => join(checkpoint, rerankName);

/** Whether a weight was fitted beside contrast as this bank of hubs, or none, leaves it. */
export const isBeside = ({ hubs }: RerankWeight, bank: KeptHubBank | undefined): boolean =>
  hubs === (bank?.sha256 ?? null);

/** The weight of a checkpoint; undefined where it has none. Throws a UserError where it does not read. */
export function readRerankWeight(checkpoint: string): RerankWeight | undefined {
  if (!existsSync(nameOf(checkpoint))) return undefined;
  const text = readFileSync(nameOf(checkpoint), 'utf8');
  try {
    // A weight of an earlier version does not say; banks came with it only later.
    const { ids, ...read }: KeptWeight = { hubs: null, ...(JSON.parse(text) as Omit<KeptWeight, 'hubs'>) };
    if (read.weight >= 0 && Number.isFinite(read.weight) && Array.isArray(read.images))
      return { ...read, images: ids === 'content' ? read.images : undefined };
  } catch {
    // Said below.
  }
  throw expected('a weight and its images', nameOf(checkpoint), text.slice(0, 40), 'remove it: it is then fitted anew');
}

/**
 * Fits the weight of the parameters that the held-out pairs are scored with, beside contrast without the hubs of `bank`, and keeps it with
 * their checkpoint. Throws the signal's reason where it stops; nothing is then kept.
 */
export async function keepRerankWeight(
  checkpoint: string,
  { pairs, scoring }: HeldOut,
  bank: KeptHubBank | undefined,
  { onProgress, signal }: Keeping = {},
): Promise<void> {
  const images = pairs.map(({ regions }) => regions);
  const texts = pairs.map(({ pieces }) => pieces);
  const N = pairs.length;
  const scale = scoring.similarityScale();
  const embedded = await embedInBatches({ images, texts }, scoring, { signal });
  const cosines = bank ? cosinesWithoutHubs(embedded.images, embedded.texts, bank) : cosinesOf(embedded.images, embedded.texts); // biome-ignore format: one line
  const similar = cosines.map((one) => one * scale);
  const chosen = likeliest(similar, { images: N, texts: N }, candidates, maxQueries);
  const matching = new Float32Array(N * N).fill(Number.NaN);
  const run = (some: readonly PairIndex[], from: number): void => {
    scoring.match(images, texts, some).forEach((logit, index) => {
      const [image, text] = some[index]!;
      matching[image * N + text] = logit;
    });
    onProgress?.(from + some.length, chosen.length);
  };
  await inBatches(chosen, scoring.batchPairs, { run, signal });
  const scores = { similar, matching, owner: pairs.map((_, index) => index) };
  const fit = fitRerankWeight(rerankQueries(scores, (image) => image < maxQueries));
  const record: KeptWeight = {
    ids: 'content',
    ...fit,
    hubs: bank?.sha256 ?? null,
    images: pairs.map(({ imageId }) => imageId),
  };
  writeFileAtomic(nameOf(checkpoint), `${JSON.stringify(record, null, 2)}\n`);
}
