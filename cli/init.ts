/** `lait init`: a `lait.yaml` with every key, its default and what it means. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { makeFolder } from '../dataset/make-folder.ts';
import { UserError } from '../dataset/user-error.ts';
import { checkCorpusDir } from './command.ts';
import { configFileName, configSchema, type SectionName, sectionSchema } from './config.ts';
import { properties } from './flags.ts';
import { wrap } from './wrap.ts';

const header = `# The settings of this corpus: a section for each command, with every setting at its default. Change what you need;
# what you delete is the default again. A setting that is commented out is not set.
# Each is also a flag of its command, and the flag wins: crawl.maxPages is \`lait crawl --max-pages 1000\`.
# \`lait schedule\` reads the section of crawl; regions also tells pretrain, finetune and evaluate which features to read.
`;

const lineLength = 120;

/** The text of the file; parsing it gives the defaults. */
export function commentedConfig(): string {
  const { blobs, store, ...shapes } = configSchema.shape;
  const sections = Object.keys(shapes) as SectionName[];
  const places = `\n# ${blobs.meta()?.description}\n# blobs:\n# ${store.meta()?.description}\n# store:\n`;
  return header + places + sections.map(sectionText).join('');
}

function sectionText(name: SectionName): string {
  const lines = properties(sectionSchema(name)).map(([key, property]) => {
    const choices = property.enum ? ` (${property.enum.join(' | ')})` : '';
    const words = `${property.description ?? ''}${choices}`;
    const meaning = wrap(words, lineLength - 4)
      .map((line) => `  # ${line}\n`)
      .join('');
    if (property.default === undefined) return `${meaning}  # ${key}:\n`;
    return `${meaning}  ${key}: ${stringify(property.default, { collectionStyle: 'flow' })}`;
  });
  return `\n${name}:\n${lines.join('')}`;
}

/** Writes the file into a corpus directory; an existing one is never overwritten. */
export function init(corpusDir: string): string {
  const path = join(checkCorpusDir(corpusDir), configFileName);
  if (existsSync(path)) throw new UserError(`${path} exists already; edit it, or remove it first.`);
  makeFolder(corpusDir);
  writeFileAtomic(path, commentedConfig());
  return path;
}
