/** EXIF tags as the JSON text of img2dataset's `exif` column, without what names a place or fills space. */
import readExif from 'exif-reader';

/**
 * Tags of an EXIF block as a flat JSON object. Binary values (maker notes, thumbnails) and the GPS position are left out: the
 * column is read far from the image, and where somebody stood is nothing a corpus needs. A broken block gives `{}`.
 */
export function exifJson(block: Buffer | null): string {
  if (block === null) return '{}';
  try {
    const { Image: image = {}, Photo: photo = {} } = readExif(block);
    const tags: Record<string, unknown> = {};
    for (const [name, value] of Object.entries({ ...image, ...photo })) {
      if (!(value instanceof Uint8Array) && !/^(GPS|MakerNote|UserComment)/.test(name)) tags[name] = value;
    }
    return JSON.stringify(tags);
  } catch {
    return '{}';
  }
}
