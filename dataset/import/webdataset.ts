/**
 * Any WebDataset or img2dataset shards, also those of `lait export`: rewritten with our keys, tables and manifest. The text
 * is `txt`, else the JSON member's `texts`, `caption` or `text`. A folder's name gives the split where it is one.
 */
import { basename, dirname } from 'node:path';
import { expandShardPaths } from '../shards/paths.ts';
import { type BadInput, imageFields, readShards } from '../shards/reader.ts';
import type { ImportedSample, ImportedSplits } from './imported.ts';

const splitNames: Readonly<Record<string, string>> = {
  train: 'train',
  training: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  dev: 'validation',
  test: 'test',
};

export function readWebDataset(options: {
  paths: string | readonly string[];
  split?: string;
  onBad?: (bad: BadInput) => void;
}): ImportedSplits {
  const bySplit = new Map<string, string[]>();
  for (const shard of expandShardPaths(options.paths)) {
    const split = options.split ?? splitNames[basename(dirname(shard)).toLowerCase()] ?? 'train';
    bySplit.set(split, [...(bySplit.get(split) ?? []), shard]);
  }
  return new Map([...bySplit].map(([split, shards]) => [split, samples(shards, options.onBad)]));
}

async function* samples(
  paths: readonly string[],
  onBad: ((bad: BadInput) => void) | undefined,
): AsyncGenerator<ImportedSample> {
  const fields = [...imageFields, 'gif', 'avif'];
  for await (const sample of readShards({ paths, require: [fields], ...(onBad === undefined ? {} : { onBad }) })) {
    const about = jsonObject(sample.fields.json);
    const field = fields.find((name) => sample.fields[name] !== undefined)!;
    const textOf = (name: string) => (typeof about[name] === 'string' ? (about[name] as string) : undefined);
    const listed = Array.isArray(about.texts) ? about.texts.filter((text) => typeof text === 'string') : [];
    const single = sample.fields.txt?.toString('utf8') ?? textOf('caption') ?? textOf('text');
    const uid = textOf('uid');
    const pageUrl = textOf('page_url');
    const licenseUrl = textOf('license_url');
    yield {
      name: sample.key,
      url: textOf('url') ?? '',
      image: sample.fields[field]!,
      texts: listed.length > 0 ? listed : single === undefined ? [] : [single],
      ...(uid === undefined ? {} : { uid }),
      ...(pageUrl === undefined ? {} : { pageUrl }),
      ...(licenseUrl === undefined ? {} : { licenseUrl }),
    };
  }
}

function jsonObject(bytes: Buffer | undefined): Readonly<Record<string, unknown>> {
  if (bytes === undefined) return {};
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
