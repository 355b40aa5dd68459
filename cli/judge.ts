/** `lait judge`: helps another machine's `lait filter --share`. */
import { openJudge } from '../crawler/shared/judge.ts';
import { countBatches } from '../crawler/shared/overview.ts';
import { openSharedCorpus } from '../crawler/shared/schema.ts';
import { openStore } from '../crawler/shared/store.ts';
import { openWorkReader } from '../crawler/shared/work-reader.ts';
import { within } from '../dataset/blobs/place.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { judgeHandedOut } from '../filters/judge-handed-out.ts';
import type { JudgeFlags } from './call-flags.ts';
import type { CorpusContext, Nothing } from './command.ts';
import { readConfig } from './config-file.ts';
import { openJob } from './filter-share.ts';
import { startProgress } from './progress.ts';
import { storeOf } from './store.ts';
import { count } from './table.ts';

export async function judge({ corpusDir, flags, signal, print }: CorpusContext<JudgeFlags>): Promise<void> {
  const { metricsPort, ...others } = flags;
  others satisfies Nothing;
  const config = readConfig(corpusDir);
  const url = storeOf(config, corpusDir);
  await withCleanup(async (defer) => {
    const progress = startProgress('Judging pairs');
    defer(() => progress.stop());
    const say = (line: string): void => progress.line(line);
    const metrics = metricsPort === undefined ? undefined : (await import('./helper-metrics.ts')).judgeMetrics();
    if (metrics) await (await import('./metrics.ts')).serveMetrics(metricsPort!, { tell: metrics.tell, say }, defer);
    const store = await openStore({ url });
    defer(() => store.close());
    const { leaseMs } = await openSharedCorpus(store, { create: false });
    metrics?.observe(() => countBatches(store, leaseMs));
    const desk = await openJudge({ store, leaseMs, corpusDir, signal, say }, defer);
    const pictures = config.blobs === undefined ? null : openWorkReader(within(config.blobs, 'work'), signal);
    const done = await judgeHandedOut({
      ...{ desk, signal, hasAllPictures: false },
      open: async (job) => {
        const spec = await desk.specOf(job);
        return spec && openJob(spec, config, corpusDir);
      },
      read: async ({ sha256, resized }, places) => pictures?.read(places, resized?.sha256 ?? sha256) ?? null,
      onJudged: (some) => {
        metrics?.judged(some);
        progress.update({ done: some.pairs, detail: `${count(some.batches)} batches` });
      },
    });
    progress.stop();
    print(done, () => `${count(done.pairs)} pairs judged in ${count(done.batches)} batches.`);
  });
}
