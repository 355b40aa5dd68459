/**
 * Runs scored rules over pairs, some at a time: each image is read once, decoded at most once, and shown to a model
 * only when the ledger has no score of that model for it.
 */

import type { Ledger } from '../dataset/ledger/ledger.ts';
import type { RawStore } from '../dataset/ledger/raw-store.ts';
import { type Score, scoresOf } from '../dataset/ledger/scores.ts';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { PairToJudge, PairVerdict } from '../dataset/ledger/verdicts.ts';
import { drop, type ImageSample, type ScoredFilter, type Verdict } from './filter.ts';
import { decodePixels } from './image/pixels.ts';
import type { ReusableVerdicts } from './reusable-verdicts.ts';

/** A pair that the text and image rules let through. Its sample's text is the cleaned one. */
export interface PairToScore {
  readonly known: Pick<PairVerdict, 'id' | 'row' | 'cleanedText' | 'language'>;
  /** What rules before said in numbers. */
  readonly scores: readonly Score[];
  readonly before: PairToJudge['before'];
  readonly sample: StoredSample;
}

/** Images in memory at once: 32 photographs of 10 MB are 320 MB, and a model's batch. */
const pairsAtOnce = 32;

/** Yields the verdicts on each group of pairs, survivors and dropped. */
export async function* scorePairs(
  ledger: Ledger,
  rules: readonly ScoredFilter[],
  pairs: readonly PairToScore[],
  reusable: ReusableVerdicts,
  raw: Pick<RawStore, 'read'>,
): AsyncGenerator<PairVerdict[]> {
  for (let at = 0; at < pairs.length; at += pairsAtOnce) {
    yield await scoreGroup(ledger, rules, pairs.slice(at, at + pairsAtOnce), reusable, raw);
  }
}

async function scoreGroup(
  ledger: Ledger,
  rules: readonly ScoredFilter[],
  group: readonly PairToScore[],
  reusable: ReusableVerdicts,
  raw: Pick<RawStore, 'read'>,
): Promise<PairVerdict[]> {
  const found: PairVerdict[] = [];
  const images = new Map<string, Pick<ImageSample, 'bytes' | 'pixels'>>();
  const stored = new Map<string, Readonly<Record<string, number>>>();
  let rest = group.map((pair) => ({ ...pair, scores: [...pair.scores] }));

  for (const rule of rules) {
    const subject = ({ sample }: PairToScore) => (rule.subject === 'image' ? sample.sha256 : sample.id);
    const verdicts = new Map<string, Verdict>();
    const unscored = new Map<string, ImageSample>();
    for (const pair of rest) {
      const key = subject(pair);
      const known = reusable(pair.before, rule.name);
      if (known) verdicts.set(pair.known.id, known);
      else if (!unscored.has(key)) {
        if (!stored.has(key)) stored.set(key, scoresOf(ledger, key));
        const score = stored.get(key)![rule.scoreName];
        const image = score === undefined ? imageOf(images, raw, pair.sample) : null;
        if (score === undefined && image === null) verdicts.set(key, drop('raw-missing'));
        else if (score === undefined) unscored.set(key, { ...pair.sample, ...image! });
        else verdicts.set(key, rule.judge(score));
      }
    }
    const fresh = new Map<string, number>();
    const values = unscored.size > 0 ? await rule.score([...unscored.values()]) : [];
    [...unscored.keys()].forEach((key, at) => {
      const value = values[at] ?? null;
      verdicts.set(key, value === null ? drop('undecodable') : rule.judge(value));
      if (value !== null) fresh.set(key, value);
    });
    rest = rest.filter((pair) => {
      const key = subject(pair);
      const score = fresh.get(key);
      if (score !== undefined) {
        pair.scores.push({ subject: key, rule: rule.scoreName, score });
        fresh.delete(key);
      }
      const verdict = verdicts.get(pair.known.id) ?? verdicts.get(key)!;
      if (verdict.keep) return true;
      found.push({ ...pair.known, droppedBy: rule.name, reason: verdict.reason, scores: pair.scores });
      return false;
    });
  }
  for (const { known, scores } of rest) found.push({ ...known, droppedBy: null, reason: null, scores });
  return found;
}

/** The image's bytes and its picture, read once a group however many pairs show it; null when its segment is gone or cut. */
function imageOf(
  images: Map<string, Pick<ImageSample, 'bytes' | 'pixels'>>,
  raw: Pick<RawStore, 'read'>,
  sample: StoredSample,
): Pick<ImageSample, 'bytes' | 'pixels'> | null {
  const known = images.get(sample.sha256);
  if (known) return known;
  let bytes: Buffer;
  try {
    bytes = raw.read(sample);
  } catch {
    return null;
  }
  let decoded: ReturnType<typeof decodePixels> | undefined;
  const image = {
    bytes,
    pixels: () => {
      decoded ??= decodePixels(bytes);
      return decoded;
    },
  };
  images.set(sample.sha256, image);
  return image;
}
