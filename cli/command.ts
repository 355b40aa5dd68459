/** What every sub-command shares: what it is told of its corpus and settings, and how it is defined. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { z } from 'zod';
import { isThere } from '../dataset/blobs/open.ts';
import { isS3 } from '../dataset/blobs/place.ts';
import type { CorpusBusy } from '../dataset/corpus-lock.ts';
import { corpusOver } from '../dataset/corpus-place.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import type { noFlags } from './call-flags.ts';
import type { Config, SectionName } from './config.ts';
import { tell } from './tell.ts';

/** The operator stopped the work: what was done is kept. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export type NoFlags = typeof noFlags;

/** What is left of settings or flags when a command has taken out each by its name: nothing, or one would be ignored. */
export type Nothing = Readonly<Record<string, never>>;

/** Settings that are handed on whole: a key that the options do not have would be ignored, and does not compile. */
export type KnownTo<Options, Settings> = Readonly<Record<Exclude<keyof Settings, keyof Options>, never>>;

/** Prints what a command did on standard output: the text, or the result as JSON where `--json` was given. Once a command. */
export type Print = (result: object, text: () => string) => void;

/** What a command without a corpus gets. */
export interface PlainContext<Flags = Nothing> {
  readonly args: readonly string[];
  readonly flags: Readonly<Flags>;
  readonly signal: AbortSignal;
  readonly print: Print;
}

/** What a command on a corpus directory gets. */
export interface CorpusContext<Flags = Nothing> extends PlainContext<Flags> {
  readonly corpusDir: string;
}

/** What a command gets whose settings are a section of the configuration. */
export interface CommandContext<Name extends SectionName, Flags = Nothing> extends CorpusContext<Flags> {
  readonly config: Config;
  readonly settings: Config[Name];
  /** Those of the settings that were given as flags. */
  readonly given: Readonly<Partial<Config[Name]>>;
}

export interface Definition<Context, Flags extends z.ZodObject> {
  readonly name: string;
  readonly summary: string;
  /** Shown at the end of `--help`; a line each. */
  readonly example: string;
  readonly arguments?: string;
  /** Loads what is no setting of the corpus but the input of one call. */
  readonly flags?: () => Promise<Flags>;
  /** Flags, or `arguments`, that may name a place in S3; all others refuse one. */
  readonly takesS3?: readonly string[];
  /** It writes what other commands write too, and can wait for them: it has `--wait`. */
  readonly takesTurns?: true;
  /** It has a result, which it prints with `print`: it has `--json`. */
  readonly hasResult?: true;
  /** Loads the code of the command. */
  readonly load: (context: Context) => Promise<(context: Context) => Promise<void>>;
}

/**
 * For a flag that only matters beside another setting: why it would be ignored ("without --photo"), or false where it matters. A flag
 * that was given and would be ignored is refused.
 */
export type Needs<Key, Context> = { readonly [Name in Key & string]?: (context: Context) => string | false };

export type KeyOf<Name extends SectionName, Flags extends z.ZodObject> = keyof Config[Name] | keyof z.output<Flags>;

export type SettingsDefinition<Name extends SectionName, Flags extends z.ZodObject> = Definition<
  CommandContext<Name, z.output<Flags>>,
  Flags
> & {
  readonly section: Name;
  readonly needs?: Needs<KeyOf<Name, Flags>, CommandContext<Name, z.output<Flags>>>;
  /** The only flags that matter to a call, and why; false where all may. */
  readonly heeds?: (
    context: CommandContext<Name, z.output<Flags>>,
  ) => { readonly flags: readonly KeyOf<Name, Flags>[]; readonly why: string } | false;
};

/** What a command says once that waits for another. */
export const sayWaiting = ({ message }: CorpusBusy): void => tell(`lait: waiting: ${message.replace(/; .*$/, '')}`);

/** Gives back the name of a folder that is there or may be made. Throws for no name, for a file's, and for a place within another corpus. */
export function checkCorpusDir(dir: string): string {
  const stats = dir === '' ? undefined : statSync(dir, { throwIfNoEntry: false });
  if (dir !== '' && (stats === undefined || stats.isDirectory())) {
    const over = corpusOver(dir);
    if (over === null) return dir;
    throw expected(
      'a folder of its own',
      'the corpus',
      `${dir} within corpus ${over}`,
      'name that one, or a folder elsewhere',
    );
  }
  throw expected('a folder', 'the corpus', dir === '' ? dir : `the file ${dir}`, 'name one, which need not exist');
}

/** As `requirePath`, of what may lie in S3. */
export async function requirePlace(place: string, what: string, advice: string): Promise<void> {
  if (!isS3(place)) return requirePath(place, what, advice);
  if (!(await isThere(place))) throw new UserError(`Expected ${what} at ${place} but there is none; ${advice}.`);
}

/** Throws unless these features of regions are there; where those of another detector are, it says how to take them. */
export async function requireRegions(folder: string): Promise<void> {
  const others = isS3(folder) || !existsSync(dirname(folder)) ? [] : readdirSync(dirname(folder)).sort();
  const other = others.find((name) => name !== basename(folder));
  const advice = other === undefined ? '' : `, or set \`regions.detector\` in lait.yaml: those of ${other} are there`;
  await requirePlace(folder, 'region features', `run \`lait regions\` first${advice}`);
}

/** As `requirePath`, of what is read whole: a folder is refused; a pipe is not. */
export function requireFile(path: string, what: string, advice: string): void {
  requirePath(path, what, advice);
  if (statSync(path).isDirectory()) throw expected(what, 'a file', `the folder ${path}`, advice);
}

/** Throws unless a file that an earlier command makes is there; where one may not look, the system's error. */
export function requirePath(path: string, what: string, advice: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined)
    throw new UserError(`Expected ${what} at ${path} but there is none; ${advice}.`);
}
