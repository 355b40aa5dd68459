/** A command line in this process, where starting one of its own for each of hundreds would take minutes. */
import { main } from '../../cli/main.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `lait ARGS` in this process and gives its exit code and what it printed. One at a time: both streams are this process' own. For
 * commands that end in a line; what signals, exits or terminals do needs a process of its own.
 */
export async function ranInProcess(args: readonly string[]): Promise<Ran> {
  const printed = { stdout: '', stderr: '' };
  const { stdout, stderr } = process;
  const [writeOut, writeError] = [stdout.write, stderr.write];
  const kept = (name: 'stdout' | 'stderr', write: typeof stdout.write): typeof stdout.write =>
    // The test runner tells its parent in bytes, a command prints text.
    function (this: NodeJS.WriteStream, text: string | Uint8Array, ...rest: never[]) {
      if (typeof text !== 'string') return write.call(this, text, ...rest);
      printed[name] += text;
      return true;
    } as typeof stdout.write;
  stdout.write = kept('stdout', writeOut);
  stderr.write = kept('stderr', writeError);
  try {
    return { code: await main(args), ...printed };
  } finally {
    stdout.write = writeOut;
    stderr.write = writeError;
    process.exitCode = undefined;
  }
}
