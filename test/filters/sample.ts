/** A pair and a sample that every rule keeps, to be changed in one thing at a time. */
import type { StoredSample } from '../../dataset/ledger/stored-sample.ts';
import { type Pair, pairId } from '../../dataset/pair.ts';
import type { Filter, Verdict } from '../../filters/filter.ts';

const english =
  'The harbour museum shows how boats were built in the village before there were roads, and who sailed in them.';

export function pair(changes: Partial<Pair> = {}): Pair {
  const found = {
    imageUrl: 'http://site.test/boat.jpg',
    pageUrl: 'http://site.test/',
    text: 'A red wooden boat lies on the beach',
    source: 'alt',
    pageTitle: 'The harbour',
    pageText: english,
    ...changes,
  } as const;
  return { id: pairId(found.imageUrl, found.text), ...found };
}

export function sample(changes: Partial<StoredSample> = {}): StoredSample {
  return {
    ...pair(changes),
    format: 'jpeg',
    width: 640,
    height: 480,
    frames: 1,
    byteLength: 60_000,
    sha256: 'a'.repeat(64),
    phash: 'a'.repeat(16),
    segment: 0,
    offset: 512,
    ...changes,
  };
}

/** `keep`, or the reason. */
export async function outcome<In extends Pair>(rule: Filter<In>, x: In): Promise<string> {
  await rule.load?.();
  const verdict: Verdict = rule.judge(x);
  return verdict.keep ? 'keep' : verdict.reason;
}
