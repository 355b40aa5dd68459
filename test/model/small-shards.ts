/** The small examples as a corpus has them on disk: two shards of a split with captions, and the regions of their images. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TarWriter } from '../../dataset/shards/tar-writer.ts';
import { claimColumns, regionFields } from '../../model/regions/columns.ts';
import { config, smallExamples, vocabulary } from './small-model.ts';

export interface SmallShards {
  readonly shards: string;
  readonly regions: string;
}

/** Keys begin with `name`. The features lie below `regions/DETECTOR`. */
export function writeSmallShards(
  corpusDir: string,
  { name = '', count, seed, split = 'train', detector = 'test' }: { readonly name?: string; readonly count: number; readonly seed: number; readonly split?: string; readonly detector?: string }, // biome-ignore format: one line
): SmallShards {
  const shards = join(corpusDir, 'shards', split);
  const regions = join(corpusDir, 'regions', detector, split);
  for (const dir of [shards, regions]) mkdirSync(dir, { recursive: true });
  const { featureSize } = config;
  const manifest = { name: detector, labels: ['a', 'b', 'c', 'd', 'e'], featureSize, maxRegions: 4 };
  claimColumns(join(regions, '..'), manifest);
  const examples = smallExamples(count, seed);
  for (const half of [0, 1]) {
    const file = `0000${half}.tar`;
    const [tar, columns] = [new TarWriter(join(shards, file)), new TarWriter(join(regions, file))];
    for (const { key, pieces, regions: own } of examples.slice((half * count) / 2, ((half + 1) * count) / 2)) {
      tar.add(`${name}${key}`, { txt: Buffer.from(pieces.map((piece) => vocabulary[piece]).join(' ')) });
      columns.add(`${name}${key}`, regionFields(own));
    }
    tar.commit();
    columns.commit();
  }
  return { shards, regions };
}
