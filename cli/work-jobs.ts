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
  { only, metricsPort }: { readonly only: readonly JobKind[]; readonly metricsPort: string | undefined },
): Promise<void> {
  if (args.length > 0) throw expected('no URLs', 'lait work --only', args[0], 'it crawls nothing: leave them out');
  makeFolder(corpusDir);
  await withCleanup(async (defer) => {
    const place = { corpusDir, config, signal };
    const progress = startProgress('Waiting for jobs');
    defer(() => progress.stop());
    const metrics = metricsPort === undefined ? undefined : (await import('./helper-metrics.ts')).jobMetrics(only);
    if (metrics) {
      const { serveMetrics } = await import('./metrics.ts');
      await serveMetrics(metricsPort!, { tell: metrics.tell, say: (line) => progress.line(line) }, defer);
    }
    const worker = await enterForJobs(place, defer);
    metrics?.observe(worker);
    const doJob = doerOf(place, defer);
    let done = 0;
    try {
      for (;;) {
        const hadOne = await worker.doOne(only, async (job, stop) => {
          progress.update({ done, detail: `jobs done, at ${job.kind} of ${job.name}` });
          const end = metrics?.began(job.kind);
          try {
            const undo = await doJob(job, stop);
            end?.(true);
            return undo;
          } catch (error) {
            end?.(false);
            throw error;
          }
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
