/** `lait work --only`: does what other machines of a shared corpus ask for. */
import type { JobKind } from '../crawler/shared/jobs.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { makeFolder } from '../dataset/make-folder.ts';
import { expected } from '../dataset/user-error.ts';
import type { CommandContext } from './command.ts';
import { startProgress } from './progress.ts';
import { doerOf, enterForJobs } from './shared-jobs.ts';

export async function workOnJobs(
  { corpusDir, config, args, signal, print }: Omit<CommandContext<'crawl'>, 'settings' | 'flags'>,
  only: readonly JobKind[],
): Promise<void> {
  if (args.length > 0) throw expected('no URLs', 'lait work --only', args[0], 'it crawls nothing: leave them out');
  makeFolder(corpusDir);
  await withCleanup(async (defer) => {
    const place = { corpusDir, config, signal };
    const worker = await enterForJobs(place, defer);
    const progress = startProgress('Waiting for jobs');
    defer(() => progress.stop());
    const doJob = doerOf(place, defer);
    let done = 0;
    try {
      for (;;) {
        const hadOne = await worker.doOne(only, async (job, stop) => {
          progress.update({ done, detail: `jobs done, at ${job.kind} of ${job.name}` });
          return doJob(job, stop);
        });
        if (hadOne) done += 1;
        else await worker.rest();
        progress.update({ done, detail: 'jobs done' });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    progress.stop();
    print({ jobs: done }, () => `${done} jobs done`);
  });
}
