/** The small examples as a corpus has them on disk: two shards of a split with captions, and the regions of their images. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PictureColumnWriter } from '../../dataset/shards/picture-columns.ts';
import { imageHash } from '../../dataset/shards/reader.ts';
import { TarWriter } from '../../dataset/shards/tar-writer.ts';
import { claimColumns, regionFields } from '../../model/regions/columns.ts';
import { config, smallExamples, vocabulary } from './small-model.ts';

export interface SmallShards {
  readonly shards: string;
  readonly regions: string;
}

/** Keys begin with `name`. The features lie in `regions/DETECTOR`. */
export async function writeSmallShards(
  corpusDir: string,
  { name = '', count, seed, split = 'train', detector = 'test' }: { readonly name?: string; readonly count: number; readonly seed: number; readonly split?: string; readonly detector?: string }, // biome-ignore format: one line
): Promise<SmallShards> {
  const shards = join(corpusDir, 'shards', split);
  const regions = join(corpusDir, 'regions', detector);
  for (const dir of [shards, regions]) mkdirSync(dir, { recursive: true });
  const { featureSize } = config;
  const manifest = {
    layout: 2,
    name: detector,
    model: null,
    labels: ['a', 'b', 'c', 'd', 'e'],
    featureSize,
    maxRegions: 4,
  } as const;
  claimColumns(regions, manifest);
  const columns = await PictureColumnWriter.open(regions);
  const examples = smallExamples(count, seed);
  for (const half of [0, 1]) {
    const file = `0000${half}.tar`;
    const tar = new TarWriter(join(shards, file));
    for (const { key, pieces, regions: own } of examples.slice((half * count) / 2, ((half + 1) * count) / 2)) {
      // No picture, but bytes of its own are all that counts here.
      const jpg = Buffer.from(`picture of ${name}${key}, ${seed}, ${split}`);
      tar.add(`${name}${key}`, { jpg, txt: Buffer.from(pieces.map((piece) => vocabulary[piece]).join(' ')) });
      if ((await columns.firstField(imageHash(jpg))) === null) columns.add(imageHash(jpg), regionFields(own));
    }
    tar.commit();
  }
  await columns.close();
  return { shards, regions };
}
