/**
 * What ranking by a checkpoint takes beside its parameters: the map of whole images (image-map.ts), the bank that tells hubs (hub-bank.ts) and
 * the weight of matching beside contrast (rerank-weight.ts). Each is made as those before it leave contrast, when a run ends, for its last
 * checkpoint and its best; a run whose end was cut short makes them when it is called again.
 */
import type { ExampleSource } from '../data/source.ts';
import type { ObjectiveWeights } from '../net/objective.ts';
import { openImageMap, withImageMap } from '../ranking/image-map.ts';
import type { Values } from '../runtime/parameter.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { HeldOut } from './held-out.ts';
import { type Keeping, keepHubBank, readHubBank } from './hub-bank.ts';
import { hasImageMap, keepImageMap, readImageMap } from './image-map.ts';
import { isBeside, keepRerankWeight, readRerankWeight } from './rerank-weight.ts';

type Learned = Pick<ObjectiveWeights, 'itc' | 'itm'>;

interface Lacking {
  readonly map: boolean;
  readonly bank: boolean;
  readonly weight: boolean;
}

/** What a checkpoint of a run that learned these lacks. A weight beside another bank, before there was one, or of images by other ids is none. */
function lacking(checkpoint: string, { itc, itm }: Learned): Lacking {
  if (itc === 0) return { map: false, bank: false, weight: false };
  const bank = readHubBank(checkpoint);
  const weight = readRerankWeight(checkpoint);
  return {
    map: !hasImageMap(checkpoint),
    bank: bank?.madeOf === undefined,
    weight: itm > 0 && !(weight?.images && isBeside(weight, bank)),
  };
}

export function lacksRankingAids(checkpoints: readonly string[], learned: Learned): boolean {
  return checkpoints.map((one) => lacking(one, learned)).some(({ map, bank, weight }) => map || bank || weight);
}

/**
 * Makes what the checkpoints lack, with the parameters of each in turn, which `load` makes those that the held-out pairs are scored by. Gives
 * whether all is there: false where the signal came first.
 */
export async function keepRankingAids(
  checkpoints: readonly string[],
  learned: Learned,
  { source, heldOut, load }: { readonly source: ExampleSource; readonly heldOut: HeldOut; readonly load: (values: Values) => void }, // biome-ignore format: one line
  keeping: Keeping,
): Promise<boolean> {
  try {
    for (const dir of checkpoints) {
      if (!lacksRankingAids([dir], learned)) continue;
      load(readCheckpoint(dir).values);
      if (lacking(dir, learned).map) await keepImageMap(dir, source, heldOut, keeping);
      const kept = readImageMap(dir);
      const map = kept && openImageMap(kept);
      const mapped = map ? { ...heldOut, scoring: withImageMap(heldOut.scoring, map) } : heldOut;
      try {
        if (lacking(dir, learned).bank) await keepHubBank(dir, source, mapped, keeping);
        if (lacking(dir, learned).weight) await keepRerankWeight(dir, mapped, readHubBank(dir), keeping);
      } finally {
        map?.dispose();
      }
    }
    return true;
  } catch (error) {
    // A run that is stopped says so, and what it has saved, as it does between its steps.
    if (keeping.signal?.aborted) return false;
    throw error;
  }
}
