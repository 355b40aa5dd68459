import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crawlPace } from '../../cli/crawl-pace.ts';

/** States of a crawl as [second, pages, images, queued], and what is told of the last one. */
const cases: [what: string, maxPages: number, states: [number, number, number, number][], told: string][] = [
  ['no rate before two seconds', 1000, [[0, 0, 0, 5], [1.9, 4, 4, 90]], ''], // biome-ignore format: rows
  ['a rate from two seconds on', 1000, [[0, 0, 0, 5], [2, 4, 4, 100]], '4.0 URLs/s, 0:25 left for what is queued'], // biome-ignore format: rows
  ['nothing done is no rate', 1000, [[0, 3, 3, 5], [9, 3, 3, 5]], ''], // biome-ignore format: rows
  ['nothing queued has no estimate', 1000, [[0, 0, 0, 5], [10, 5, 0, 0]], '0.5 URLs/s'], // biome-ignore format: rows
  ['maxPages ends it before the queue', 30, [[0, 0, 0, 5], [10, 10, 30, 9000]], '4.0 URLs/s, 0:20 left for what is queued'], // biome-ignore format: rows
  ['only the last minute counts', 1000, [[0, 0, 0, 5], [50, 500, 0, 9], [60, 510, 0, 10], [110, 560, 0, 60]], '1.0 URLs/s, 1:00 left for what is queued'], // biome-ignore format: rows
];

describe('the pace of a crawl', () => {
  for (const [what, maxPages, states, told] of cases) {
    it(what, () => {
      let atMs = 0;
      const pace = crawlPace({ maxPages, now: () => atMs });
      const said = states.map(([second, pages, images, queued]) => {
        atMs = second * 1000;
        return pace({ pages, images, queued, refused: 0, failed: 0, bytes: 0 });
      });
      assert.equal(said.at(-1), told);
    });
  }
});
