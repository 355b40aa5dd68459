/** Samples that training or evaluation leaves out, for a person: how many for which reason, and the first keys of each. */
import type { BadExample } from '../model/data/example.ts';
import { count } from './table.ts';

const mostKeys = 3;

export class SkippedSamples {
  private readonly keys = new Map<string, Set<string>>();

  /** Counts a sample once, however often it is met. */
  readonly add = ({ shard, key, reason }: BadExample): void => {
    const own = this.keys.get(reason) ?? new Set();
    own.add(`${key || '(whole shard)'} of ${shard}`);
    this.keys.set(reason, own);
  };

  /** A line for each reason; none where nothing was left out. */
  lines(): string[] {
    return [...this.keys].map(([reason, own]) => {
      const first = [...own].slice(0, mostKeys).join(', ');
      return `left out, ${reason}: ${count(own.size)} (${first}${own.size > mostKeys ? ', …' : ''})`;
    });
  }
}
