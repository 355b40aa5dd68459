/** `lait schedule`: crawls a corpus again and again, visiting pages whose time has come. */
import { schedule as runByCron } from '../crawler/schedule.ts';
import { UserError } from '../dataset/user-error.ts';
import type { CommandContext } from './command.ts';
import { crawl } from './crawl.ts';

export async function schedule(context: CommandContext<'crawl'>): Promise<void> {
  const { settings, options, signal } = context;
  const { cron, timezone } = options;
  if (typeof cron !== 'string') {
    throw new UserError('Expected a pattern for --cron but received none; write it as in --cron "0 3 * * *".');
  }
  const recrawl = settings.recrawl === 'never' ? 'due' : settings.recrawl;
  await runByCron({
    cron,
    ...(typeof timezone === 'string' ? { timezone } : {}),
    signal,
    run: () => crawl({ ...context, settings: { ...settings, recrawl } }),
    onWait: (next) => console.log(`Next crawl at ${next.toISOString()}`),
  });
}
