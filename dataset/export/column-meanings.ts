/** What each column of the tables says, and whose name it has: for the card and docs/columns.md. */
import type { BasicType } from 'hyparquet-writer';
import type { shardColumns } from '../shards/parquet.ts';
import type { MeasuredColumns } from './measured-columns.ts';
import { type MoreColumns, tableColumnsWith } from './more-columns.ts';

/** Meaning, and where the name is from. */
type Meaning = readonly [says: string, nameFrom: string];

/** Of the columns that every table has. */
const everywhere: Readonly<Record<keyof typeof shardColumns, Meaning>> = {
  url: ['key of the image: its address without what tells no images apart', 'img2dataset'],
  caption: ['the text, cleaned', 'img2dataset'],
  key: ['name of the sample in its shard; of a row without an image, a key that no sample has', 'img2dataset'],
  status: ['success, failed_to_download or failed_to_resize', 'img2dataset'],
  error_message: ['why there is no image', 'img2dataset'],
  width: ['in the shard, pixels', 'img2dataset'],
  height: ['in the shard, pixels', 'img2dataset'],
  original_width: ['of the original as shown, pixels', 'img2dataset'],
  original_height: ['of the original as shown, pixels', 'img2dataset'],
  exif: ['JSON object of texts: tags of the original, without the place', 'img2dataset'],
  sha256: ['of the original file', 'img2dataset'],
  image_sha256: ['of the image as it stands in the shard', 'lait'],
  uid: ['32 hexadecimal digits: first half of the SHA-256 of url and text as found', 'DataComp'],
  text: ['the same as caption', 'DataComp'],
  found_text: ['the text before cleaning', 'lait'],
  source: ['where on the page the text was', 'lait'],
  page_url: ['page that shows the image', 'lait'],
  page_title: ['its title', 'lait'],
  phash: ['64-bit perceptual hash, hexadecimal', 'lait'],
  license_url: ['licence link of the page', 'lait'],
  gone: ['why a later visit did not find the pair on the web any more', 'lait'],
  download_url: ['address to download the image from again: as its page wrote it', 'lait'],
  fetched_at: ['when the image was downloaded, RFC 3339', 'lait'],
  http_etag: ['ETag of the image', 'lait'],
  last_modified: ['Last-Modified of the image', 'lait'],
  damaged: ['the file is cut or has a wrong checksum, and browsers show it all the same', 'lait'],
};

/** Of the columns that a corpus may have. */
const known: Readonly<Record<string, Meaning>> = {
  LANGUAGE: ['language of the text, ISO 639-1, by the detector of the filters', 'LAION'],
  language_score: ['what the detector gives that language, 0 to 1', 'lait'],
  similarity: ['how well text and image fit, by the model of match/relevance', 'LAION'],
  punsafe: ['probability that the image is pornographic or racy', 'LAION'],
  pwatermark: ['probability of a watermark', 'LAION'],
  aesthetic: ['how pleasing the image is', 'LAION'],
  pphoto: ['probability that the image is a photograph', 'lait'],
  entropy_bits: ['entropy of the grey levels: low for a flat picture', 'lait'],
  sharpness: ['variance of the Laplacian: low for a blurred picture', 'lait'],
};

/** Of some column of an export: what it says and whose name it has. */
function meaningOf(column: string, { scores, rights }: MeasuredColumns): Meaning {
  if (column in rights) {
    const [of, ...signal] = rights[column]!.split(' ');
    return [`signal of rights of the ${of}, as it was: ${signal.join(' ')}`, 'lait'];
  }
  const [says, from] = known[column] ?? ['', 'lait'];
  if (column in scores) return [says === '' ? `score ${scores[column]}` : `${says} (${scores[column]})`, from];
  return [says, from];
}

/** Column, type, meaning, whose name it is: all columns of an export in the order of its tables. */
export function columnRows(more: MoreColumns): (readonly [column: string, type: BasicType, ...Meaning])[] {
  const measured = { scores: {}, rights: {}, ...more.measured } as MeasuredColumns;
  const lists = Object.values(more.listColumns ?? {}).length;
  const columns = Object.entries(tableColumnsWith(more));
  return columns.map(([column, type], at) => {
    if (Object.hasOwn(everywhere, column)) return [column, type, ...everywhere[column as keyof typeof everywhere]];
    const isListed = at >= columns.length - lists;
    return [
      column,
      type,
      ...(isListed ? (['as a list of URLs had it', 'that list'] as const) : meaningOf(column, measured)),
    ];
  });
}

/** Those of every export and those that a corpus may have, for the docs. */
export const allColumns: Readonly<Record<string, Meaning>> = { ...everywhere, ...known };
