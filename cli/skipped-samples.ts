/** Samples that training or evaluation skips, for a person: how many for which reason, and the first keys of each. */
import type { BadExample } from '../model/data/example.ts';
import { count } from './table.ts';

const maxKeys = 3;

export class SkippedSamples {
  readonly #samples = new Map<string, Set<string>>();

  /** Counts a sample once, however often it is met. */
  readonly add = ({ shard, key, reason }: BadExample): void => {
    const samples = this.#samples.get(reason) ?? new Set();
    samples.add(`${key || '(whole shard)'} of ${shard}`);
    this.#samples.set(reason, samples);
  };

  /** A line for each reason; none where nothing was skipped. */
  lines(): string[] {
    return [...this.#samples].map(([reason, samples]) => {
      const first = [...samples].slice(0, maxKeys).join(', ');
      return `skipped, ${reason}: ${count(samples.size)} (${first}${samples.size > maxKeys ? ', …' : ''})`;
    });
  }
}
