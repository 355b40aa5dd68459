/**
 * Reads `lait.yaml` and checks it against the schema. A mistake is one line that names the key, the line it stands on,
 * what was expected and what was received.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { expected, UserError } from '../dataset/user-error.ts';
import { type Config, configFileName, configSchema, type SectionName } from './config.ts';
import { flagOf } from './flags.ts';

/** The configuration of a corpus directory: the file's values over the defaults; the defaults when there is no file. */
export function readConfig(corpusDir: string): Config {
  const path = join(corpusDir, configFileName);
  return existsSync(path) ? parseConfig(textOf(path), path) : configSchema.parse({});
}

/** Parses the text of a `lait.yaml`; `path` is for messages. */
export const parseConfig = (text: string, path: string): Config => checked(configSchema, [], text, path);

/** The stages of pretraining from a file of their own: a list as `pretrain.stages` is one. */
export function readStages(path: string): NonNullable<Config['pretrain']['stages']> {
  const schema = configSchema.shape.pretrain.unwrap().shape.stages.unwrap();
  if (!existsSync(path)) throw new UserError(`Expected a list of stages at ${path} but there is none; write one.`);
  return checked(schema, ['pretrain', 'stages'], textOf(path), path);
}

/** Checks YAML against the schema that stands at `place` of the whole. */
function checked<Schema extends z.ZodType>(schema: Schema, place: Key, text: string, path: string): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  const broken = document.errors[0];
  if (broken)
    throw new UserError(`Expected YAML in ${path} but line ${lineOf(broken.pos[0])} is not: ${broken.message}`);
  const tree = treeOf(document, path) ?? {};
  const result = schema.safeParse(place.length === 0 ? withoutEmptySections(tree) : tree, { reportInput: true });
  if (result.success) return result.data;
  const messages = result.error.issues.flatMap((issue) =>
    explain({ ...issue, path: [...place, ...issue.path] }, (key) => {
      const offset = keyOffset(document, key.slice(place.length));
      return offset === undefined ? `edit ${path}` : `edit ${path}, line ${lineOf(offset)}`;
    }),
  );
  throw new UserError(messages.join('\n      '));
}

/** Without sections whose keys were all deleted, which YAML calls null. */
function withoutEmptySections(tree: unknown): unknown {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return tree;
  return Object.fromEntries(Object.entries(tree).filter(([name, value]) => value !== null || !isSection(name)));
}

const isSection = (name: string): boolean => objectIn(configSchema.shape[name as SectionName]) !== undefined;

/** What the YAML says, where it is a tree: aliases can name what holds them, or one list a billion times. */
function treeOf(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    const value: unknown = document.toJS();
    JSON.stringify(value);
    return value;
  } catch (error) {
    throw new UserError(
      `Expected settings without such aliases in ${path} but received ${(error as Error).message.split('\n')[0]}; write them out.`,
    );
  }
}

/** The text of a file of settings. */
function textOf(path: string): string {
  if (statSync(path).isDirectory())
    throw expected('a file of settings', path, 'a folder', 'remove it, or name another');
  return readFileSync(path, 'utf8');
}

/** Lays the flags of one command over its section and checks the result. */
export function withFlags<Name extends SectionName>(
  config: Config,
  name: Name,
  flags: Readonly<Record<string, unknown>>,
): Config[Name] {
  return readFlags(configSchema.shape[name].unwrap(), { ...config[name], ...flags }) as Config[Name];
}

/** Checks values of the command line against their schema. */
export function readFlags<Schema extends z.ZodObject>(
  schema: Schema,
  flags: Readonly<Record<string, unknown>>,
): z.output<Schema> {
  const result = schema.safeParse(flags, { reportInput: true });
  if (result.success) return result.data;
  const messages = result.error.issues.flatMap((issue) =>
    explain(issue, ([key = '', at]) => {
      const isJoined = typeof at === 'number' && String(issue.input).includes(',') && !issue.message.includes('spaces');
      return `${isJoined ? 'separate them by spaces, ' : ''}correct the flag ${flagOf(String(key))}`;
    }),
  );
  throw new UserError(messages.join('\n      '));
}

type Key = readonly PropertyKey[];

function explain(issue: z.core.$ZodIssue, advice: (key: Key) => string): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const known = knownKeys(issue.path);
      const near = nearest(key, known);
      const meant = near === undefined ? '' : `did you mean ${near}? `;
      return `Expected one of the keys ${known.join(', ')} but received ${path.join('.')}; ${meant}${advice(path)}.`;
    });
  }
  // Where the store is, there may be a password.
  const isSecret = issue.path[0] === 'store' && issue.input !== undefined;
  const received =
    issue.input === undefined ? 'none' : isSecret ? 'something else' : brief(JSON.stringify(issue.input));
  return [
    `${expectation(issue)} for ${issue.path.join('.') || 'the settings'} but received ${received}; ${advice(issue.path)}.`,
  ];
}

/** The word that was probably meant: with at most a third of the letters of what was written to be changed, whatever their case. */
function nearest(written: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((word) => ({ word, changes: changesBetween(written.toLowerCase(), word.toLowerCase()) }))
    .sort((one, other) => one.changes - other.changes);
  return best !== undefined && best.changes <= written.length / 3 ? best.word : undefined;
}

/** Letters to insert, delete or replace (Levenshtein). */
function changesBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > one.length) return one.length + other.length;
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j += 1) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === other[j] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}

/** More of what was received helps nobody. */
const maxShown = 500;

const brief = (text: string): string => (text.length > maxShown ? `${text.slice(0, maxShown)}…` : text);

/** Zod's message as "Expected …"; what was received is said by the caller. */
const expectation = (issue: z.core.$ZodIssue): string =>
  issue.message
    .replace(/, received .*$/, '')
    .replace(/^Invalid (input|option): expected (int|number)$/, 'Expected a $2')
    .replace('Expected a int', 'Expected a whole number')
    .replace(/^Invalid input: expected array$/, 'Expected a list')
    .replace(/^Invalid input: expected string$/, 'Expected a text')
    .replace(/^Invalid input: expected object$/, 'Expected a section of keys')
    .replace(/^Invalid (input|option): expected/, 'Expected')
    .replace(/^Too (small|big): expected array to have/, 'Expected a list with')
    .replace(/^Too (small|big): expected \w+ to (be|have)/, 'Expected a value')
    .replace(/^Invalid /, 'Expected another ');

/** The keys of the object at a path of the schema, through whatever wraps it (optional, prefault). */
function knownKeys(path: Key): string[] {
  let node: z.core.$ZodType = configSchema;
  for (const part of path) node = objectIn(node)?.shape[String(part)] ?? node;
  return Object.keys(objectIn(node)?.shape ?? {});
}

function objectIn(node: z.core.$ZodType | undefined): z.ZodObject | undefined {
  let inner = node;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodPrefault || inner instanceof z.ZodArray) {
    inner = inner.unwrap();
  }
  return inner instanceof z.ZodObject ? inner : undefined;
}

function keyOffset(document: ReturnType<typeof parseDocument>, path: Key): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const part of path) {
    if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      continue;
    }
    if (!isMap(node)) return offset;
    const item = node.items.find(({ key }) => isScalar(key) && key.value === part);
    if (!item) return offset;
    if (isScalar(item.key) && item.key.range) offset = item.key.range[0];
    node = item.value;
  }
  return offset;
}
