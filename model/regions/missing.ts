/** Whether every picture of a split has features, before anything is made from them. */
import { isS3, lastPart, parentOf, within } from '../../dataset/blobs/place.ts';
import { PictureColumns } from '../../dataset/shards/picture-columns.ts';
import { readShard } from '../../dataset/shards/reader.ts';
import { readSetIdentity } from '../../dataset/shards/set-identity.ts';
import { expected } from '../../dataset/user-error.ts';
import { readExtracted } from './extracted.ts';

/**
 * Throws a UserError that says how many pictures of a split (`shards/train`) have no features in a folder. Reads only shards of
 * which `lait regions` has not said so. Pictures in which it found nothing to decode have been looked at and do not count.
 */
export async function requireFeatures(split: string, regions: string, signal?: AbortSignal): Promise<void> {
  const columns = await PictureColumns.open(regions);
  try {
    const extracted = await readExtracted(regions, columns.size);
    const [all, missing] = [new Set<string>(), new Set<string>()];
    let known = 0;
    for (const [name, sha256] of (await readSetIdentity(split)).shards) {
      const before = extracted.get(`${lastPart(split)}/${name}`) ?? extracted.get(name);
      if (before?.sha256 === sha256) {
        known += before.images;
        continue;
      }
      for await (const { imageSha256 = '' } of readShard(within(split, name), {
        hashImages: true,
        ...(signal && { signal }),
      })) {
        all.add(imageSha256);
        if (!columns.has(imageSha256)) missing.add(imageSha256);
        signal?.throwIfAborted();
      }
    }
    if (missing.size === 0) return;
    throw expected(
      `features of all ${known + all.size} pictures of ${split}`,
      regions,
      `none of ${missing.size} of them`,
      isS3(split)
        ? 'run lait regions where they were made, and publish its features once more'
        : `run lait regions --corpus ${parentOf(parentOf(split))}, which detects only those`,
    );
  } finally {
    await columns.close();
  }
}
