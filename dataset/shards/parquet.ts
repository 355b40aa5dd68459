/**
 * The table beside every shard, one row a pair, failed ones too: img2dataset's columns first, then DataComp's `uid` and
 * `text`, then what the crawl knows. Row groups and encodings are the writer's defaults, so equal rows give equal bytes.
 */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { type BasicType, parquetWriteBuffer } from 'hyparquet-writer';

/** A row of the shard's table. Absent values are null. */
export interface ShardRow {
  /** The key of the image: what the corpus tells images apart by. */
  readonly url: string;
  readonly caption: string;
  /** The sample's key in the tar. A pair whose image failed has one too, which no sample has. */
  readonly key: string | null;
  readonly status: 'success' | 'failed_to_download' | 'failed_to_resize';
  readonly error_message: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly original_width: number | null;
  readonly original_height: number | null;
  /** JSON object of tags. */
  readonly exif: string | null;
  /** Of the original bytes, as they came from the web: img2dataset's meaning. */
  readonly sha256: string | null;
  /**
   * Of the image's bytes as they stand in this shard (member `KEY.jpg`, or the table's image): the identity of what a model sees.
   * What is made from a sample's picture, such as region features, is keyed by this. The same as `sha256` where the original
   * bytes are kept; null for a pair without an image.
   */
  readonly image_sha256: string | null;
  readonly uid: string;
  readonly text: string;
  /** The text before cleaning. */
  readonly found_text: string;
  /** Where on the page the text was: `alt`, `title`, `caption`, … */
  readonly source: string;
  readonly page_url: string;
  readonly page_title: string;
  readonly phash: string | null;
  readonly license_url: string | null;
  /** Why the pair is not on the web any more, by the last visit (`not-on-page`, `page-gone`, …); null when it is. */
  readonly gone: string | null;
  /** The address to download the image from: as its page wrote it, where `url` leaves out what tells no images apart. */
  readonly download_url: string;
  /** RFC 3339, UTC. */
  readonly fetched_at: string | null;
  readonly http_etag: string | null;
  readonly last_modified: string | null;
  /** The image file is cut or has a wrong checksum; browsers show it all the same. */
  readonly damaged: boolean | null;
}

export const shardColumns = {
  url: 'STRING',
  caption: 'STRING',
  key: 'STRING',
  status: 'STRING',
  error_message: 'STRING',
  width: 'INT32',
  height: 'INT32',
  original_width: 'INT32',
  original_height: 'INT32',
  exif: 'STRING',
  sha256: 'STRING',
  image_sha256: 'STRING',
  uid: 'STRING',
  text: 'STRING',
  found_text: 'STRING',
  source: 'STRING',
  page_url: 'STRING',
  page_title: 'STRING',
  phash: 'STRING',
  license_url: 'STRING',
  gone: 'STRING',
  download_url: 'STRING',
  fetched_at: 'STRING',
  http_etag: 'STRING',
  last_modified: 'STRING',
  damaged: 'BOOLEAN',
} as const satisfies Record<keyof ShardRow, BasicType>;

/** The bytes of a parquet file with these columns. A row without one of them has null there, a list is JSON. */
export function parquetBytes(
  columns: Readonly<Record<string, BasicType>>,
  rows: readonly Readonly<Record<string, unknown>>[],
): Uint8Array {
  return new Uint8Array(
    parquetWriteBuffer({
      createdBy: 'lait',
      columnData: Object.entries(columns).map(([name, type]) => ({
        name,
        type,
        data: rows.map((row) => cell(row[name], type)),
      })),
    }),
  );
}

/** A value as its column has it. A list is written as JSON: a column of lists is read differently by every tool. */
export const cell = (value: unknown, type: BasicType): unknown => {
  if (Array.isArray(value)) return JSON.stringify(value);
  if (type === 'INT64' && value !== null && value !== undefined) return BigInt(value as number | string | bigint);
  const isForeign = type === 'STRING' && (typeof value === 'number' || typeof value === 'boolean');
  return isForeign ? String(value) : (value ?? null);
};

/** The columns of a table that we wrote, in its order. */
export async function tableColumns(path: string): Promise<Record<string, BasicType>> {
  const { schema } = await parquetMetadataAsync(await asyncBufferFromFile(path));
  return Object.fromEntries(
    schema
      .slice(1)
      .map(({ name, type }) => [name, type === 'BYTE_ARRAY' || type === undefined ? 'STRING' : (type as BasicType)]),
  );
}

/** All rows of a parquet file, or only some of their columns. */
export async function readParquet(path: string, columns?: readonly string[]): Promise<Record<string, unknown>[]> {
  const file = await asyncBufferFromFile(path);
  return parquetReadObjects({ file, ...(columns === undefined ? {} : { columns: [...columns] }) });
}
