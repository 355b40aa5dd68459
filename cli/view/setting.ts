/** Writes one setting of the filters into `lait.yaml`; everything else of the file stays as it is. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, type Pair, parseDocument } from 'yaml';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { configFileName, sectionSchema } from '../config.ts';
import { parseConfig } from '../config-file.ts';

/** Whether an operator can set it in `lait.yaml`. */
export const isFilterSetting = (setting: string): boolean => Object.hasOwn(sectionSchema('filter').shape, setting);

/**
 * The text of a `lait.yaml` with this setting; `path` is for messages. Spaces, line ends and comments stay where the file is written as most
 * are; where its own way would be lost (a section in braces, an anchor), it is written anew and comments stay. Throws a UserError for
 * a file or a value that is not valid.
 */
export function withFilterSetting(text: string, setting: string, value: number | string, path: string): string {
  parseConfig(text, path);
  const document = parseDocument(text);
  if (isMap(document.get('filter'))) document.setIn(['filter', setting], value);
  else document.set('filter', document.createNode({ [setting]: value }));
  const spliced = withLine(text, setting, value);
  const isSame = isDeepStrictEqual(parsed(spliced), document.toJS());
  const written = isSame ? spliced : document.toString({ lineWidth: 0, flowCollectionPadding: false });
  parseConfig(written, path);
  return written;
}

/** What YAML says, or nothing where it is none. */
function parsed(text: string): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 ? undefined : document.toJS();
}

/** The text with another value in its place, or with a line more: right in most files, and checked by who asks. */
function withLine(text: string, setting: string, value: number | string): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const { contents } = parseDocument(text);
  const section = isMap(contents) ? contents.items.find((pair) => isNamed(pair, 'filter')) : undefined;
  if (section === undefined) {
    const before = text === '' || text.endsWith('\n') ? text : `${text}${end}`;
    return `${before}filter:${end}  ${setting}: ${value}${end}`;
  }
  const known = isMap(section.value) ? section.value.items.find((pair) => isNamed(pair, setting)) : undefined;
  const place = isScalar(known?.value) ? known.value.range : undefined;
  if (place) return `${text.slice(0, place[0])}${value}${text.slice(place[1])}`;
  const first = isMap(section.value) ? startOf(section.value.items[0]) : undefined;
  const lineStart = first === undefined ? 0 : text.lastIndexOf('\n', first - 1) + 1;
  const indent = first === undefined ? '  ' : text.slice(lineStart, first);
  const afterName = text.indexOf('\n', startOf(section)) + 1;
  if (afterName === 0) return `${text}${end}${indent}${setting}: ${value}${end}`;
  return `${text.slice(0, afterName)}${indent}${setting}: ${value}${end}${text.slice(afterName)}`;
}

const isNamed = ({ key }: Pair, name: string): boolean => isScalar(key) && key.value === name;

/** Where the name of a setting begins. */
const startOf = (pair: Pair | undefined): number | undefined =>
  isScalar(pair?.key) ? (pair.key.range?.[0] ?? undefined) : undefined;

/** Returns the path of the file, which is made where there is none. Its permissions stay (it may hold a password), and a link stays a link. */
export function writeFilterSetting(corpusDir: string, setting: string, value: number | string): string {
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
