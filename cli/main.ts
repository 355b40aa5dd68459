/**
 * The `lait` command: its sub-commands, their help, and the one place where errors become exit codes. 0 done, 1 our
 * fault, 2 the operator's, 130 stopped by Ctrl-C or SIGTERM (what was done is kept; the same command goes on from there).
 */
import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { printable, printableLines } from '../dataset/escape.ts';
import { UserError } from '../dataset/user-error.ts';
import { version } from '../dataset/version.ts';
import { Interrupted } from './command.ts';
import { addCommands } from './commands.ts';
import { faultOf } from './fault.ts';

/** Runs one command line and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command('lait')
    .description('An open ImageBERT: crawl image-text pairs, filter them, write shards, pretrain on them.')
    .version(version, '-V, --version', 'print the version')
    .option('--verbose', "show TensorFlow's own messages and stacks of errors")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(printableLines(text)) })
    .showSuggestionAfterError()
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      // Descriptions name choices and defaults themselves, see flags.ts.
      optionDescription: ({ description }) => description,
    });
  program.hook('preAction', () => {
    if (program.opts().verbose) process.env.LAIT_VERBOSE = '1';
  });
  try {
    await addCommands(program, (name) => args.includes(name));
    program.addHelpCommand(new Command('help').argument('[command]').description('show the help of a command'));
    // Commander answers the help of a command that is not there with the help of all; as a command it is refused by name.
    const [first, second = ''] = args;
    const isUnknown = first === 'help' && /^\w/.test(second) && !program.commands.some((one) => one.name() === second);
    await program.parseAsync(isUnknown ? [second] : [...args], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Interrupted) return 130;
    const { line, exitCode, isOurs } = faultOf(error);
    if (isOurs || (process.env.LAIT_VERBOSE && !(error instanceof UserError))) {
      console.error(printableLines(inspect(error)));
    }
    console.error(`lait: ${error instanceof UserError ? line : printable(line)}`);
    return exitCode;
  }
}

/** When who reads our output has left (`lait … | head`, a closed terminal), the work saves and ends as after SIGHUP. */
export function stopWithReader(): void {
  let left = false;
  for (const output of [process.stdout, process.stderr]) {
    const isTerminal = output.isTTY;
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && !(error.code === 'EIO' && isTerminal)) throw error;
      if (!left) process.kill(process.pid, 'SIGHUP');
      left = true;
    });
  }
  leaveClosedTerminals();
}

/**
 * Node.js gives each terminal back as it found it, and aborts where that fails, as with one that was closed (`ResetStdio` in its node.cc);
 * a file that is closed it passes over.
 */
function leaveClosedTerminals(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.on('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
  });
}
