/** What every sub-command shares: the corpus directory, its configuration with the flags laid over it, and a clean stop. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { UserError } from '../dataset/user-error.ts';
import { type Config, type SectionName, sectionSchema } from './config.ts';
import { configFileName, readConfig, withFlags } from './config-file.ts';
import { addFlags, givenFlags } from './flags.ts';

/** The operator stopped the work: what was done is kept. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The corpus that a command works on when none is named: this directory if it is one, else `corpus`. */
const defaultCorpus = (): string => (existsSync(configFileName) ? '.' : 'corpus');

interface CorpusCommand<Name extends SectionName> {
  readonly name: string;
  readonly section: Name;
  readonly summary: string;
  /** Shown at the end of `--help`. */
  readonly example: string;
  readonly arguments?: string;
  /** Adds what is no setting of the corpus: the input of this one call. */
  readonly extra?: (command: Command) => void;
  /** Loads the code of the command. */
  readonly load: () => Promise<(context: CommandContext<Name>) => Promise<void>>;
}

export interface CommandContext<Name extends SectionName = SectionName> {
  readonly corpusDir: string;
  readonly config: Config;
  readonly settings: Config[Name];
  readonly args: readonly string[];
  /** Every option of the command line, those of `extra` among them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** A sub-command on a corpus directory whose flags are a section of the configuration. */
export function corpusCommand<Name extends SectionName>(definition: CorpusCommand<Name>): (program: Command) => void {
  return (program) => {
    const schema = sectionSchema(definition.section);
    const command = plainCommand(program, definition);
    addFlags(command, schema);
    command.action(async () => {
      const corpusDir = String(command.getOptionValue('corpus'));
      const config = readConfig(corpusDir);
      const settings = withFlags(config, definition.section, givenFlags(command, schema));
      const run = await definition.load();
      await interruptible((signal) =>
        run({ corpusDir, config, settings, args: command.args, options: command.opts(), signal }),
      );
    });
  };
}

interface ToolCommand extends Omit<CorpusCommand<SectionName>, 'section' | 'load'> {
  readonly load: () => Promise<(context: ToolContext) => Promise<void>>;
}

export type ToolContext = Omit<CommandContext, 'config' | 'settings'>;

/** A sub-command on a corpus directory that has no settings. */
export function toolCommand(definition: ToolCommand): (program: Command) => void {
  return (program) => {
    const command = plainCommand(program, definition);
    command.action(async () => {
      const corpusDir = String(command.getOptionValue('corpus'));
      const run = await definition.load();
      await interruptible((signal) => run({ corpusDir, args: command.args, options: command.opts(), signal }));
    });
  };
}

function plainCommand(program: Command, definition: Omit<ToolCommand, 'load'>): Command {
  const command = program.command(definition.name).description(definition.summary);
  if (definition.arguments) command.arguments(definition.arguments);
  command.option('--corpus <dir>', 'corpus directory', defaultCorpus());
  definition.extra?.(command);
  return command.addHelpText('after', `\nExample:\n  $ ${definition.example.split('\n').join('\n  $ ')}`);
}

/**
 * Runs work that Ctrl-C or SIGTERM stops in good order: the first signal asks the work to save and end, the second ends
 * the process at once (nothing is lost then either, the next start repairs).
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
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

/** Throws unless a file that an earlier command makes is there. */
export function requirePath(path: string, what: string, advice: string): void {
  if (!existsSync(path)) throw new UserError(`Expected ${what} at ${path} but there is none; ${advice}.`);
}
