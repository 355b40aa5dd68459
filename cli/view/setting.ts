/** Writes one setting of the filters into `lait.yaml`; comments and all other settings stay, spacing may change. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { configFileName, sectionSchema } from '../config.ts';
import { parseConfig } from '../config-file.ts';

/** Whether an operator can set it in `lait.yaml`. */
export const isFilterSetting = (setting: string): boolean => Object.hasOwn(sectionSchema('filter').shape, setting);

/** The text of a `lait.yaml` with this setting; `path` is for messages. Throws a UserError for a file or a value that is not valid. */
export function withFilterSetting(text: string, setting: string, value: number, path: string): string {
  parseConfig(text, path);
  const document = parseDocument(text);
  if (isMap(document.get('filter'))) document.setIn(['filter', setting], value);
  else document.set('filter', document.createNode({ [setting]: value }));
  const written = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  parseConfig(written, path);
  return written;
}

/** Returns the path of the file, which is made where there is none. Its permissions stay (it may hold a password), and a link stays a link. */
export function writeFilterSetting(corpusDir: string, setting: string, value: number): string {
  const path = join(corpusDir, configFileName);
  if (!existsSync(path)) {
    writeFileAtomic(path, withFilterSetting('', setting, value, path));
    return path;
  }
  const file = realpathSync(path);
  const text = withFilterSetting(readFileSync(file, 'utf8'), setting, value, path);
  writeFileAtomic(file, text, statSync(file).mode & 0o777);
  return path;
}
