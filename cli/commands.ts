/** Every sub-command in the groups of `lait --help`: its words there, its code loaded only when it runs. */
import type { Command } from 'commander';
import type { AddCommand, IsCalled } from './add-command.ts';
import { corpusCommands } from './corpus-commands.ts';
import { datasetCommands } from './dataset-commands.ts';
import { modelCommands } from './model-commands.ts';
import { setupCommands } from './setup-commands.ts';

const groups: readonly (readonly [heading: string, commands: readonly AddCommand[]])[] = [
  ['Corpus:', corpusCommands],
  ['Dataset:', datasetCommands],
  ['Model:', modelCommands],
  ['Set-up:', setupCommands],
];

/** `isCalled` says which commands get their flags too; the others are words of the help. */
export async function addCommands(program: Command, isCalled: IsCalled): Promise<void> {
  for (const [heading, commands] of groups) {
    program.commandsGroup(heading);
    for (const add of commands) await add(program, isCalled);
  }
}
