/**
 * The objects of a JSON file with bounded memory: of one array, as pandas writes records, or one after another, as lists named
 * `.json` often are. What stands between them is passed over.
 */
import type { ListRow } from './list-rows.ts';

const space = /^\s*$/;

/** The text of each object, or null for one longer than `maxLength` characters, and for what is no object. */
export async function* jsonObjects(
  chunks: AsyncIterable<Buffer>,
  maxLength: number,
): AsyncGenerator<{ readonly text: string } | Exclude<ListRow, object>> {
}
