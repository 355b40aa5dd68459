/**
 * Runs scored rules over pairs, some at a time: each image is read once, decoded at most once, and shown to a model
 * only when no score of that model is known for it.
 */

import { rawMissing } from '../dataset/ledger/lost-pictures.ts';
import { type RawStore, readUnlessLost } from '../dataset/ledger/raw-store.ts';
import type { Score } from '../dataset/ledger/scores.ts';
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
  /** Whether the pair's stored scores are of this text; else it has none. */
  readonly isTextOfScores: boolean;
}

/** What scored rules are asked with. */
export interface ScoringTools {
  readonly reusable: ReusableVerdicts;
  /** The stored scores of a pair (its id) or an image (its SHA-256), by the name that they are stored under. */
  readonly scoresOf: (subject: string) => Readonly<Record<string, number>>;
  /** The bytes of a picture as they are stored; null where they are gone, which drops its pairs as `raw-missing`. Throws where they may be there. */
  readonly read: (sample: StoredSample) => Promise<Buffer | null>;
}

/** Reads pictures of the corpus folder. */
export const readingRaw =
  (raw: Pick<RawStore, 'read'>): ScoringTools['read'] =>
  async (sample) =>
    readUnlessLost(raw, sample);

/** Images in memory at once: 32 photographs of 10 MB are 320 MB, and a model's batch. */
const pairsAtOnce = 32;

/** Yields the verdicts on each group of pairs, survivors and dropped. */
export async function* scorePairs(
  rules: readonly ScoredFilter[],
  pairs: readonly PairToScore[],
  tools: ScoringTools,
): AsyncGenerator<PairVerdict[]> {
  for (let at = 0; at < pairs.length; at += pairsAtOnce) {
    yield await scoreGroup(rules, pairs.slice(at, at + pairsAtOnce), tools);
  }
}

async function scoreGroup(
  rules: readonly ScoredFilter[],
  group: readonly PairToScore[],
  { reusable, scoresOf, read }: ScoringTools,
): Promise<PairVerdict[]> {
  const found: PairVerdict[] = [];
  const images = new Map<string, Promise<Image | null>>();
  const stored = new Map<string, Readonly<Record<string, number>>>();
  let rest = group.map((pair) => ({ ...pair, scores: [...pair.scores] }));

  for (const rule of rules) {
    const subject = ({ sample }: PairToScore) => (rule.subject === 'image' ? sample.sha256 : sample.id);
    const scoresFor = (pair: PairToScore) =>
      rule.subject === 'image' || pair.isTextOfScores ? scoresOf(subject(pair)) : {};
    const verdicts = new Map<string, Verdict>();
    const wanted = new Map<string, StoredSample>();
    for (const pair of rest) {
      const key = subject(pair);
      const known = reusable(pair.before, rule.name);
      if (known) verdicts.set(pair.known.id, known);
      else if (!wanted.has(key)) {
        if (!stored.has(key)) stored.set(key, scoresFor(pair));
        const score = stored.get(key)![rule.scoreName];
        if (score === undefined) wanted.set(key, pair.sample);
        else verdicts.set(key, rule.judge(score));
      }
    }
    const unscored = new Map<string, ImageSample>();
    const opened = await Promise.all([...wanted.values()].map((sample) => imageOf(images, read, sample)));
    for (const [at, [key, sample]] of [...wanted].entries()) {
      const image = opened[at]!;
      if (image === null) verdicts.set(key, drop(rawMissing));
      else unscored.set(key, { ...sample, ...image });
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

type Image = Pick<ImageSample, 'bytes' | 'pixels'>;

/** The image's bytes and its picture, read once a group however many pairs show it; null when it is gone. */
function imageOf(
  images: Map<string, Promise<Image | null>>,
  read: ScoringTools['read'],
  sample: StoredSample,
): Promise<Image | null> {
  let image = images.get(sample.sha256);
  if (image === undefined) {
    image = read(sample).then((bytes) => bytes && imageFrom(bytes));
    images.set(sample.sha256, image);
  }
  return image;
}

function imageFrom(bytes: Buffer): Image {
  let decoded: ReturnType<typeof decodePixels> | undefined;
  return {
    bytes,
    pixels: () => {
      decoded ??= decodePixels(bytes);
      return decoded;
    },
  };
}
