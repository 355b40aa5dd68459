/**
 * What a second order of the same queries gains over a first one, with an interval: images are drawn again and again, each with its
 * texts, since texts of one image are no independent queries (bootstrap by clusters, Davison & Hinkley 1997 §3.8).
 */
import { random } from '../../dataset/random.ts';

/** How many sets of images are drawn. Ours: the ends of an interval then move by a tenth of its width from seed to seed. */
const draws = 1_000;

/** The middle 95 % of a difference of two recalls, in shares of queries. */
export interface Gain {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Ranks of the same queries by two orders, and the image that each query belongs to. */
export interface Compared {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly image: readonly number[];
}

/**
 * What a choice among many may count on of the gains of single queries: their mean less its standard error, with one more query beside them
 * that loses all. Without that a single lucky query is sure, however many there are. Ours: eight gains of a third are enough, five are not.
 */
export function sureGain(gains: readonly number[]): number {
  const all = [...gains, -1];
  const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
  return mean - Math.sqrt(all.reduce((sum, one) => sum + (one - mean) ** 2, 0)) / all.length;
}

/** The gain in recall at `limit`. An interval that holds 0 says that none was seen. */
export function recallGain({ before, after, image }: Compared, limit: number): Gain {
  const clusters = new Map<number, { sum: number; count: number }>();
  image.forEach((one, query) => {
    const cluster = clusters.get(one) ?? { sum: 0, count: 0 };
    cluster.sum += Number(after[query]! < limit) - Number(before[query]! < limit);
    cluster.count += 1;
    clusters.set(one, cluster);
  });
  const all = [...clusters.values()];
  const meanOf = (chosen: readonly { sum: number; count: number }[]): number =>
    chosen.reduce((sum, one) => sum + one.sum, 0) / chosen.reduce((sum, { count }) => sum + count, 0);
  const draw = random(0);
  const means = Array.from({ length: draws }, () => meanOf(all.map(() => all[draw.below(all.length)]!)));
  means.sort((one, other) => one - other);
  return { mean: meanOf(all), low: means[Math.floor(draws * 0.025)]!, high: means[Math.ceil(draws * 0.975) - 1]! };
}
