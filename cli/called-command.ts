/** A sub-command that is called: its flags, its context with the flags laid over the configuration, and a clean stop. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { z } from 'zod';
import { isS3 } from '../dataset/blobs/place.ts';
import { runNamed } from '../dataset/run-names.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { noFlags } from './call-flags.ts';
import {
  type CorpusContext,
  checkCorpusDir,
  type Definition,
  Interrupted,
  type Needs,
  type PlainContext,
  type Print,
  type SettingsDefinition,
  sayWaiting,
} from './command.ts';
import { type Config, configFileName, type SectionName, sectionSchema } from './config.ts';
import { addFlags, flagOf, givenFlags } from './flags.ts';
import { tell } from './tell.ts';

/** Gives a command on a section of the configuration its flags and its action. */
export async function completeSettings<Name extends SectionName, Flags extends z.ZodObject>(
  command: Command,
  definition: SettingsDefinition<Name, Flags>,
): Promise<void> {
  const flags = await addCorpusFlags(command, definition);
  const schema = sectionSchema(definition.section);
  addFlags(command, schema);
  addExample(command, definition.example);
  run(command, definition, flags, async (context) => {
    const { readConfig, withFlags } = await import('./config-file.ts');
    const corpusDir = corpusOf(command);
    const config = readConfig(corpusDir);
    const given = namedRuns(corpusDir, definition.section, givenFlags(command, schema));
    const settings = withFlags(config, definition.section, given);
    const full = { ...context, corpusDir, config, settings, given: given as Partial<Config[Name]> };
    const all = { ...given, ...givenFlags(command, flags) };
    const heeded = definition.heeds?.(full);
    if (heeded) refuseIgnored(all, full, onlyHeeded(all, heeded as Heeded));
    refuseIgnored(all, full, definition.needs);
    return full;
  });
}

/** Gives a command on a corpus without settings its flags and its action. */
export async function completeCorpus<Flags extends z.ZodObject>(
  command: Command,
  definition: Definition<CorpusContext<z.output<Flags>>, Flags>,
): Promise<void> {
  const flags = await addCorpusFlags(command, definition);
  addExample(command, definition.example);
  run(command, definition, flags, async (context) => ({ ...context, corpusDir: corpusOf(command) }));
}

/** Gives a command without a corpus its flags and its action. */
export async function completePlain<Flags extends z.ZodObject>(
  command: Command,
  definition: Definition<PlainContext<z.output<Flags>>, Flags>,
): Promise<void> {
  const flags = await startFlags(command, definition);
  addFlags(command, flags);
  addExample(command, definition.example);
  run(command, definition, flags, async (context) => context);
}

async function startFlags<Flags extends z.ZodObject>(
  command: Command,
  { arguments: wanted, flags }: Definition<never, Flags>,
): Promise<Flags> {
  if (wanted !== undefined) command.arguments(wanted);
  return flags === undefined ? (noFlags as z.ZodObject as Flags) : await flags();
}

async function addCorpusFlags<Flags extends z.ZodObject>(
  command: Command,
  definition: Definition<never, Flags>,
): Promise<Flags> {
  const flags = await startFlags(command, definition);
  // Without a name the corpus is this directory if it is one, else `corpus`.
  const here = existsSync(configFileName) ? '.' : 'corpus';
  command.option('--corpus <dir>', `corpus directory (default: ${here})`, here);
  addFlags(command, flags);
  return flags;
}

const corpusOf = (command: Command): string => checkCorpusDir(String(command.getOptionValue('corpus')));

const addExample = (command: Command, example: string): Command =>
  command.addHelpText('after', `\nExample:\n  $ ${example.split('\n').join('\n  $ ')}`);

/** Makes the context, then loads the code and runs it until it is done or stopped. */
function run<Context, Flags extends z.ZodObject>(
  command: Command,
  definition: Definition<Context, Flags>,
  schema: Flags,
  contextOf: (context: PlainContext<z.output<Flags>>) => Promise<Context>,
): void {
  if (definition.takesTurns)
    command.option('--wait', 'wait while another command writes the same (default: stop and name it)');
  if (definition.hasResult) command.option('--json', 'print the result as JSON, for machines');
  const print: Print = (result, text) =>
    console.log(command.getOptionValue('json') ? JSON.stringify(result, null, 2) : text());
  command.action(async () => {
    refuseS3(command, definition.takesS3);
    const [{ readFlags }, { inTurn, nameHolder }] = await Promise.all([
      import('./config-file.ts'),
      import('../dataset/corpus-lock.ts'),
    ]);
    const flags = readFlags(schema, givenFlags(command, schema));
    nameHolder(`lait ${command.name()}`);
    await interruptible(async (signal) => {
      const context = await contextOf({ args: command.args, flags, signal, print });
      const action = await definition.load(context);
      const { corpusDir } = context as { readonly corpusDir?: string };
      const mayBeNew = corpusDir !== undefined && !existsSync(corpusDir);
      const leftBehind = mayBeNew ? await import('./left-behind.ts') : null;
      const missing = mayBeNew ? leftBehind!.missingFolders(corpusDir) : [];
      const work = (): Promise<void> =>
        action(context).catch((error: unknown) => {
          leftBehind?.removeLeftBehind(missing);
          throw error;
        });
      await (command.getOptionValue('wait') ? inTurn(work, { signal, onWait: sayWaiting }) : work());
    });
  });
}

/** Runs by name, where flags have the paths that commands print. */
function namedRuns(corpusDir: string, section: SectionName, given: Record<string, unknown>): Record<string, unknown> {
  const keys = section === 'finetune' ? ['run', 'from'] : ['run'];
  const named = keys.flatMap((key) =>
    typeof given[key] === 'string' ? [[key, runNamed(corpusDir, given[key])] as const] : [],
  );
  return { ...given, ...Object.fromEntries(named) };
}

interface Heeded {
  readonly flags: readonly string[];
  readonly why: string;
}

const onlyHeeded = (given: object, { flags, why }: Heeded): Needs<string, unknown> =>
  Object.fromEntries(Object.keys(given).map((key) => [key, () => !flags.includes(key) && why]));

function refuseIgnored<Context>(
  given: Readonly<Record<string, unknown>>,
  context: Context,
  needs: Needs<string, Context> = {},
): void {
  for (const [key, value] of Object.entries(given)) {
    const problem = needs[key]?.(context);
    const flag = value === false ? flagOf(key).replace('--', '--no-') : flagOf(key);
    if (problem) throw new UserError(`${flag} has no effect ${problem}; leave it out, or change that.`);
  }
}

/** A place in S3 where a path of this machine is wanted would make a folder of that name, or be looked for in vain. */
function refuseS3(command: Command, takesS3: readonly string[] = []): void {
  const given = { ...command.opts(), arguments: command.args } as Readonly<Record<string, unknown>>;
  for (const [key, values] of Object.entries(given)) {
    if (takesS3.includes(key)) continue;
    const place = [values].flat().find((value) => typeof value === 'string' && isS3(value));
    if (place === undefined) continue;
    const name = key === 'arguments' ? `lait ${command.name()}` : flagOf(key);
    throw expected('a path of this machine', name, 'a place in S3', 'fetch or mount it');
  }
}

/**
 * Runs work that Ctrl-C, SIGTERM or a terminal that closes stops in good order: the first signal asks the work to save and end, the second
 * ends the process at once (nothing is lost then either, the next start repairs).
 */
async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    tell('lait: stopping, saving what is done (once more to stop at once)');
    controller.abort(new Interrupted('stopped by the operator'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // A terminal that closes sends it more than once.
  const hangUp = (): void => {
    if (!controller.signal.aborted) stop();
  };
  process.on('SIGHUP', hangUp);
  try {
    await work(controller.signal);
    controller.signal.throwIfAborted();
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    // One that comes while a stopped command ends would end it by the signal instead.
    if (!controller.signal.aborted) process.off('SIGHUP', hangUp);
  }
}
