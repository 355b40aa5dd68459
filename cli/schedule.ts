/** `lait schedule`: crawls a corpus again and again, visiting pages whose time has come, and filters and exports if told so. */
import { logRun } from '../crawler/crawl-summary.ts';
import { schedule as runByCron } from '../crawler/schedule.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import type { ScheduleFlags } from './call-flags.ts';
import type { CommandContext, Nothing } from './command.ts';
import { checkStart, crawl } from './crawl.ts';
import { faultOf } from './fault.ts';

export async function schedule(context: CommandContext<'crawl', ScheduleFlags>): Promise<void> {
  const { config, corpusDir, settings, signal } = context;
  const { cron = config.schedule.cron, timezone = config.schedule.timezone, ...rest } = context.flags;
  const { then = config.schedule.then, ...others } = rest;
  others satisfies Nothing;
  if (cron === undefined) {
    throw new UserError(
      'Expected a pattern for --cron or schedule.cron but received none; write it as in "0 3 * * *".',
    );
  }
  // A mistake that every run would meet is told now.
  if (timezone !== undefined && !isTimezone(timezone)) {
    throw expected('an IANA name', 'timezone', timezone, 'write it as in Europe/Berlin');
  }
  checkStart({ ...context, flags: {} });
  Ledger.open(corpusDir).close();
  const recrawl = settings.recrawl === 'never' ? 'due' : settings.recrawl;
  const follow = {
    filter: async () =>
      (await import('./filter.ts')).filter({ ...context, flags: {}, settings: config.filter, args: [] }),
    export: async () =>
      (await import('./export.ts')).exportCorpus({
        ...context,
        flags: { rebuild: false },
        settings: config.export,
        args: [],
      }),
  } as const;
  await runByCron({
    cron,
    ...(timezone === undefined ? {} : { timezone }),
    signal,
    run: async () => {
      await crawl({ ...context, flags: {}, settings: { ...settings, recrawl } });
      for (const step of then) {
        if (signal.aborted) return;
        await follow[step]();
      }
    },
    onWait: (next) => console.log(`Next crawl at ${next.toISOString()}`),
    onSkip: ({ message }) => console.error(`lait: this crawl is left out. ${message}`),
    onError: (error, startedAt) => {
      const message = error instanceof Error ? error.message : String(error);
      const { line, isOurs } = faultOf(error);
      console.error(`lait: this run failed, the next one comes. ${line}`);
      if (isOurs) console.error(error);
      try {
        logRun(corpusDir, { startedAt: startedAt.toISOString(), error: message });
      } catch (fault) {
        console.error(`lait: runs.jsonl could not be written: ${(fault as Error).message}`);
      }
    },
  });
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
