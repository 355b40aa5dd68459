/** `lait regions`: runs the detector over the shards and writes boxes, labels and features beside them. */
import { relative } from 'node:path';
import { within } from '../dataset/blobs/place.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { lockPart } from '../dataset/corpus-lock.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { expected } from '../dataset/user-error.ts';
import type { OtherDetectors } from '../model/regions/by-others.ts';
import { extractRegions, requireShards } from '../model/regions/extract.ts';
import type { RegionsFlags } from './call-flags.ts';
import { type CommandContext, type Nothing, sayWaiting } from './command.ts';
import { type DataPlace, dataPlace, regionsDir } from './data-place.ts';
import { openConfigured } from './detector.ts';
import { startProgress } from './progress.ts';
import { isPublished, publishRegions } from './publish.ts';
import { regionDetectors } from './shared-jobs.ts';
import { count } from './table.ts';

export async function regions({
  corpusDir,
  config,
  settings,
  flags,
  signal,
  print,
}: CommandContext<'regions', RegionsFlags>): Promise<void> {
  const { shards: elsewhere, share, ...others } = flags;
  others satisfies Nothing;
  const place = dataPlace(corpusDir, elsewhere);
  // Before its own lock, as it stands in the order of locks.
  await settleInTurn(place.shards, { signal, onWait: sayWaiting });
  // Before the weights are fetched, which take minutes.
  requireShards(place.shards);
  if (share && config.blobs !== undefined && !isPublished(corpusDir, within(config.blobs, 'shards'))) {
    const advice = 'run lait export first, or this command without --share';
    throw expected('the shards', within(config.blobs, 'shards'), 'none of this corpus', advice);
  }
  const unlock = lockPart(place.dir, 'regions');
  try {
    await withCleanup(async (defer) => {
      const asked = { corpusDir, config, signal };
      const folder = regionsDir(place.dir, settings);
      const sharing = share ? await regionDetectors(asked, { folder, settings }, defer) : undefined;
      await extract({ place, settings, signal, print, others: sharing });
    });
  } finally {
    unlock();
  }
  if (config.blobs === undefined || elsewhere !== undefined) return;
  const folder = relative(corpusDir, regionsDir(corpusDir, settings));
  await publishRegions(corpusDir, folder, config.blobs, { signal, onWait: sayWaiting });
}

async function extract({
  place,
  settings,
  signal,
  print,
  others,
}: Pick<CommandContext<'regions'>, 'settings' | 'signal' | 'print'> & {
  place: DataPlace;
  others: OtherDetectors | undefined;
}): Promise<void> {
  const detector = await openConfigured(settings);
  const progress = startProgress('Detecting regions');
  const outDir = regionsDir(place.dir, settings);
  try {
    const summary = await extractRegions({
      shards: place.shards,
      outDir,
      detector,
      maxRegions: settings.topK,
      signal,
      others: others && {
        ...others,
        onProgress: ({ shards, of, pictures }) =>
          progress.update({ done: shards, total: of, detail: `shards asked for, ${count(pictures)} pictures` }),
      },
      onProgress: ({ images, shardsDone, shards, bytesDone, bytes }) =>
        progress.update({
          done: Math.round(bytesDone / 1e6),
          total: Math.round(bytes / 1e6),
          detail: `MB of images, ${count(images)} images in ${shardsDone} of ${shards} shards`,
        }),
    });
    progress.stop();
    const perImage = summary.images === 0 ? 0 : summary.regions / summary.images;
    const old =
      summary.converted > 0 ? `${count(summary.converted)} pictures taken over from columns of an older lait\n` : '';
    print(
      { outDir, ...summary },
      () =>
        `${old}${outDir}: ${count(summary.regions)} regions of ${count(summary.images)} images (${perImage.toFixed(1)} each) in ` +
        `${summary.shards} shards; ${count(summary.kept)} kept, ${count(summary.detected)} new, ${count(summary.failed)} without`,
    );
  } finally {
    progress.stop();
    detector.dispose();
  }
}
