/** `lait init`: a `lait.yaml` with every key, its default and what it means. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { UserError } from '../dataset/user-error.ts';
import { configSchema, type SectionName, sectionSchema } from './config.ts';
import { configFileName } from './config-file.ts';
import { properties } from './flags.ts';

const header = `# lait: everything a corpus is made with. Each key is also a flag of its command (maxPages: --max-pages), and a flag
# wins over this file. The values below are the defaults; a key that is commented out has none.
`;

/** The text of the file; parsing it gives the defaults. */
export function commentedConfig(): string {
  const sections = Object.keys(configSchema.shape) as SectionName[];
  return header + sections.map(sectionText).join('');
}

function sectionText(name: SectionName): string {
  const lines = properties(sectionSchema(name)).map(([key, property]) => {
    const choices = property.enum ? ` (${property.enum.join(' | ')})` : '';
    const comment = `  # ${property.description ?? ''}${choices}\n`;
    if (property.default === undefined) return `${comment}  # ${key}:\n`;
    return `${comment}  ${key}: ${stringify(property.default, { collectionStyle: 'flow' })}`;
  });
  return `\n${name}:\n${lines.join('')}`;
}

/** Writes the file into a corpus directory; an existing one is never overwritten. */
export function init(corpusDir: string): string {
  const path = join(corpusDir, configFileName);
  if (existsSync(path)) throw new UserError(`${path} exists already; edit it, or remove it first.`);
  mkdirSync(corpusDir, { recursive: true });
  writeFileSync(path, commentedConfig());
  return path;
}
