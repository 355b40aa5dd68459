/** `lait schedule`: crawls a corpus again and again, visiting pages whose time has come. */
import { schedule as runByCron } from '../crawler/schedule.ts';
import type { ScheduleFlags } from './call-flags.ts';
import type { CommandContext, Nothing } from './command.ts';
import { crawl } from './crawl.ts';

export async function schedule(context: CommandContext<'crawl', ScheduleFlags>): Promise<void> {
  const { settings, signal } = context;
  const { cron, timezone, ...others } = context.flags;
  others satisfies Nothing;
  const recrawl = settings.recrawl === 'never' ? 'due' : settings.recrawl;
  await runByCron({
    cron,
    ...(timezone === undefined ? {} : { timezone }),
    signal,
    run: () => crawl({ ...context, flags: {}, settings: { ...settings, recrawl } }),
    onWait: (next) => console.log(`Next crawl at ${next.toISOString()}`),
  });
}
