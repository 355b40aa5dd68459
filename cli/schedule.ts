/**
 * `lait schedule`: crawls a corpus again and again, visiting pages whose time has come, and filters and exports if told so. Of a shared
 * corpus it runs on each machine by the same pattern.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { logRun } from '../crawler/crawl-summary.ts';
import { schedule as runByCron } from '../crawler/schedule.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import type { ScheduleFlags } from './call-flags.ts';
import type { CommandContext, Nothing } from './command.ts';
import { checkStart, crawl } from './crawl.ts';
import { faultOf } from './fault.ts';
import { checkStore } from './store.ts';
import { checkTogether, crawlTogether } from './work.ts';

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
  const isShared = config.store !== undefined;
  if (isShared) {
    await checkStore(checkTogether(context).url);
  } else {
    checkStart({ ...context, flags: {} });
    Ledger.open(corpusDir).close();
  }
  const ledgerFile = join(corpusDir, 'ledger.db');
  const recrawl = settings.recrawl === 'never' ? 'due' : settings.recrawl;
  const follow = {
    filter: async () =>
      (await import('./filter.ts')).filter({
        ...context,
        flags: { share: false },
        settings: config.filter,
        given: {},
        args: [],
      }),
    export: async () =>
      (await import('./export.ts')).exportCorpus({
        ...context,
        flags: { rebuild: false, share: false },
        settings: config.export,
        given: {},
        args: [],
      }),
  } as const;
  await runByCron({
    cron,
    ...(timezone === undefined ? {} : { timezone }),
    signal,
    run: async (at) => {
      if (isShared) {
        const run = { at, all: recrawl === 'all' };
        await crawlTogether({ ...context, settings: { ...settings, recrawl: 'never' } }, { run });
        // Of several machines the one whose folder has a ledger: the others bring what they find to it.
        if (signal.aborted || !existsSync(ledgerFile)) return;
        await (await import('./collect.ts')).collect({ ...context, flags: { sweep: false } });
      } else {
        // A disk that is not mounted any more: a crawl would begin anew where it was.
        if (!existsSync(ledgerFile)) {
          throw new UserError(
            `Expected the corpus at ${ledgerFile} but it is not there any more; put it back, or end this.`,
          );
        }
        await crawl({ ...context, flags: {}, settings: { ...settings, recrawl } });
      }
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
      // Where the corpus was, another one would begin.
      if (!isShared && !existsSync(ledgerFile)) return;
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
