/**
 * The words of a sub-command, which `lait --help` prints. Its flags and its code are loaded when it is called: neither zod nor YAML nor
 * SQLite before that.
 */
import type { Command } from 'commander';
import type { z } from 'zod';
import type { CorpusContext, Definition, NoFlags, PlainContext, SettingsDefinition } from './command.ts';
import type { SectionName } from './config.ts';

/** Whether the command line may call the command of this name. */
export type IsCalled = (name: string) => boolean;

/** Adds a sub-command to the program: its words, and its flags and what it does where it is called. */
export type AddCommand = (program: Command, isCalled: IsCalled) => Promise<void>;

/** The flags of all commands that are no settings, each command's under its name. */
export const callFlags = () => import('./call-flags.ts');

type Words = Pick<Definition<never, z.ZodObject>, 'name' | 'summary'>;

const adder =
  ({ name, summary }: Words, complete: (command: Command) => Promise<void>): AddCommand =>
  async (program, isCalled) => {
    const command = program.command(name).description(summary);
    if (isCalled(name)) await complete(command);
  };

const called = () => import('./called-command.ts');

/** A sub-command on a corpus directory whose settings are a section of the configuration: each key is a flag. */
export const settingsCommand = <Name extends SectionName, Flags extends z.ZodObject = NoFlags>(
  definition: SettingsDefinition<Name, Flags>,
): AddCommand => adder(definition, async (command) => (await called()).completeSettings(command, definition));

/** A sub-command on a corpus directory that has no settings. */
export const corpusCommand = <Flags extends z.ZodObject = NoFlags>(
  definition: Definition<CorpusContext<z.output<Flags>>, Flags>,
): AddCommand => adder(definition, async (command) => (await called()).completeCorpus(command, definition));

/** A sub-command that works on no corpus, or finds its own. */
export const plainCommand = <Flags extends z.ZodObject = NoFlags>(
  definition: Definition<PlainContext<z.output<Flags>>, Flags>,
): AddCommand => adder(definition, async (command) => (await called()).completePlain(command, definition));
