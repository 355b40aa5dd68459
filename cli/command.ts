/** What every sub-command shares: the corpus directory, its configuration with the flags laid over it, and a clean stop. */
import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import type { z } from 'zod';
import { type CorpusBusy, inTurn, nameHolder } from '../dataset/corpus-lock.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { noFlags } from './call-flags.ts';
import { type Config, type SectionName, sectionSchema } from './config.ts';
import { configFileName, readConfig, readFlags, withFlags } from './config-file.ts';
import { addFlags, flagOf, givenFlags } from './flags.ts';

/** The operator stopped the work: what was done is kept. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Adds a sub-command to the program. */
export type AddCommand = (program: Command) => void;

type NoFlags = typeof noFlags;

/** What is left of settings or flags when a command has taken out each by its name: nothing, or one would be ignored. */
export type Nothing = Readonly<Record<string, never>>;

/** Settings that are handed on whole: a key that the options do not have would be ignored, and does not compile. */
export type KnownTo<Options, Settings> = Readonly<Record<Exclude<keyof Settings, keyof Options>, never>>;

/** What a command without a corpus gets. */
export interface PlainContext<Flags = Nothing> {
  readonly args: readonly string[];
  readonly flags: Readonly<Flags>;
  readonly signal: AbortSignal;
}

/** What a command on a corpus directory gets. */
export interface CorpusContext<Flags = Nothing> extends PlainContext<Flags> {
  readonly corpusDir: string;
}

/** What a command gets whose settings are a section of the configuration. */
export interface CommandContext<Name extends SectionName, Flags = Nothing> extends CorpusContext<Flags> {
  readonly config: Config;
  readonly settings: Config[Name];
}

interface Definition<Context, Flags extends z.ZodObject> {
  readonly name: string;
  readonly summary: string;
  /** Shown at the end of `--help`; a line each. */
  readonly example: string;
  readonly arguments?: string;
  /** What is no setting of the corpus but the input of one call. */
  readonly flags?: Flags;
  /** It writes what other commands write too, and can wait for them: it has `--wait`. */
  readonly takesTurns?: true;
  /** Loads the code of the command. */
  readonly load: () => Promise<(context: Context) => Promise<void>>;
}

/**
 * For a flag that only matters beside another setting: why it would be ignored ("without --photo"), or false where it matters. A flag
 * that was given and would be ignored is refused.
 */
type Needs<Key, Context> = { readonly [Name in Key & string]?: (context: Context) => string | false };

type KeyOf<Name extends SectionName, Flags extends z.ZodObject> = keyof Config[Name] | keyof z.output<Flags>;

/** A sub-command on a corpus directory whose settings are a section of the configuration: each key is a flag. */
export function settingsCommand<Name extends SectionName, Flags extends z.ZodObject = NoFlags>(
  definition: Definition<CommandContext<Name, z.output<Flags>>, Flags> & {
    readonly section: Name;
    readonly needs?: Needs<KeyOf<Name, Flags>, CommandContext<Name, z.output<Flags>>>;
  },
): AddCommand {
  return (program) => {
    const command = addCorpusCommand(program, definition);
    const schema = sectionSchema(definition.section);
    addFlags(command, schema);
    addExample(command, definition.example);
    run(command, definition, (context) => {
      const corpusDir = corpusOf(command);
      const config = readConfig(corpusDir);
      const given = givenFlags(command, schema);
      const settings = withFlags(config, definition.section, given);
      const full = { ...context, corpusDir, config, settings };
      refuseIgnored(
        [...Object.keys(given), ...Object.keys(givenFlags(command, flagsOf(definition)))],
        full,
        definition.needs,
      );
      return full;
    });
  };
}

/** A sub-command on a corpus directory that has no settings. */
export function corpusCommand<Flags extends z.ZodObject = NoFlags>(
  definition: Definition<CorpusContext<z.output<Flags>>, Flags>,
): AddCommand {
  return (program) => {
    const command = addCorpusCommand(program, definition);
    addExample(command, definition.example);
    run(command, definition, (context) => ({ ...context, corpusDir: corpusOf(command) }));
  };
}

/** A sub-command that works on no corpus, or finds its own. */
export function plainCommand<Flags extends z.ZodObject = NoFlags>(
  definition: Definition<PlainContext<z.output<Flags>>, Flags>,
): AddCommand {
  return (program) => {
    const command = addCommand(program, definition);
    addFlags(command, flagsOf(definition));
    addExample(command, definition.example);
    run(command, definition, (context) => context);
  };
}

const flagsOf = <Flags extends z.ZodObject>({ flags }: { readonly flags?: Flags }): Flags =>
  flags ?? (noFlags as z.ZodObject as Flags);

function addCommand(program: Command, { name, summary, arguments: wanted }: Definition<never, z.ZodObject>): Command {
  const command = program.command(name).description(summary);
  return wanted === undefined ? command : command.arguments(wanted);
}

function addCorpusCommand(program: Command, definition: Definition<never, z.ZodObject>): Command {
  const command = addCommand(program, definition);
  // Without a name the corpus is this directory if it is one, else `corpus`.
  const here = existsSync(configFileName) ? '.' : 'corpus';
  command.option('--corpus <dir>', `corpus directory (default: ${here})`, here);
  addFlags(command, flagsOf(definition));
  if (definition.takesTurns)
    command.option('--wait', 'wait while another command writes to the corpus (default: stop and name it)');
  return command;
}

const corpusOf = (command: Command): string => checkCorpusDir(String(command.getOptionValue('corpus')));

const addExample = (command: Command, example: string): Command =>
  command.addHelpText('after', `\nExample:\n  $ ${example.split('\n').join('\n  $ ')}`);

/** Makes the context, then loads the code and runs it until it is done or stopped. */
function run<Context, Flags extends z.ZodObject>(
  command: Command,
  definition: Definition<Context, Flags>,
  contextOf: (context: PlainContext<z.output<Flags>>) => Context,
): void {
  command.action(async () => {
    const schema = flagsOf(definition);
    const flags = readFlags(schema, givenFlags(command, schema));
    nameHolder(`lait ${command.name()}`);
    await interruptible(async (signal) => {
      const context = contextOf({ args: command.args, flags, signal });
      const action = await definition.load();
      const work = (): Promise<void> => action(context);
      await (command.getOptionValue('wait') ? inTurn(work, { signal, onWait: sayWaiting }) : work());
    });
  });
}

/** What a command says once that waits for another. */
export const sayWaiting = ({ message }: CorpusBusy): void =>
  void process.stderr.write(`lait: waiting: ${message.replace(/; .*$/, '')}\n`);

function refuseIgnored<Context>(given: readonly string[], context: Context, needs: Needs<string, Context> = {}): void {
  for (const key of given) {
    const problem = needs[key]?.(context);
    if (problem) throw new UserError(`${flagOf(key)} has no effect ${problem}; leave it out, or change that.`);
  }
}

/**
 * Runs work that Ctrl-C or SIGTERM stops in good order: the first signal asks the work to save and end, the second ends
 * the process at once (nothing is lost then either, the next start repairs).
 */
async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write('\nlait: stopping, saving what is done (once more to stop at once)\n');
    controller.abort(new Interrupted('stopped by the operator'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    await work(controller.signal);
    controller.signal.throwIfAborted();
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** Gives back the name of a folder that is there or may be made. Throws for no name, and for a file's. */
export function checkCorpusDir(dir: string): string {
  const stats = dir === '' ? undefined : statSync(dir, { throwIfNoEntry: false });
  if (dir !== '' && (stats === undefined || stats.isDirectory())) return dir;
  throw expected('a folder', 'the corpus', dir === '' ? dir : `the file ${dir}`, 'name one, which need not exist');
}

/** Throws unless a file that an earlier command makes is there. */
export function requirePath(path: string, what: string, advice: string): void {
  if (!existsSync(path)) throw new UserError(`Expected ${what} at ${path} but there is none; ${advice}.`);
}
