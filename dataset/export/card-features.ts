/**
 * What columns an export has and of which types, as the card's header tells Hugging Face's loaders. Without it they take the types from the
 * first samples, and refuse a number where those had none.
 */
import type { BasicType } from 'hyparquet-writer';
import { yamlText } from '../escape.ts';
import { dtypeOf } from '../shards/container.ts';

type Columns = Readonly<Record<string, BasicType>>;

const feature = (name: string, dtype: string): string[] => [`- name: ${yamlText(name)}`, `  dtype: ${dtype}`];

const valuesOf = (columns: Columns, lists: readonly string[] = []): string[] =>
  Object.entries(columns).flatMap(([name, type]) =>
    lists.includes(name) ? [`- name: ${yamlText(name)}`, '  sequence: string'] : feature(name, dtypeOf(type)),
  );

const indented = (by: number, lines: readonly string[]): string[] => lines.map((line) => ' '.repeat(by) + line);

/**
 * Of WebDataset shards, whose loader takes them from `dataset_info`. `columns` are those of the tables; of these `lists` are lists of
 * texts in the JSON members.
 */
export const webDatasetFeatures = (columns: Columns, lists: readonly string[] = []): string[] => [
  'dataset_info:',
  '  features:',
  ...indented(2, feature('jpg', 'image')),
  '  - name: json',
  '    struct:',
  ...indented(4, valuesOf(columns, lists)),
  ...indented(
    2,
    ['txt', '__key__', '__url__'].flatMap((name) => feature(name, 'string')),
  ),
];

/** Of folders of pictures with `metadata.jsonl`, whose loader takes them from the entry of `configs`. */
export const imageFolderFeatures = (columns: Columns): string[] => [
  '    features:',
  ...indented(6, [...feature('image', 'image'), ...valuesOf(columns)]),
];
