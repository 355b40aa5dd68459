/** `lait regions`: runs the detector over the shards and writes boxes, labels and features beside them. */
import { join, relative } from 'node:path';
import { within } from '../dataset/blobs/place.ts';
import { lockPart } from '../dataset/corpus-lock.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { UserError } from '../dataset/user-error.ts';
import { extractRegions, requireShards } from '../model/regions/extract.ts';
import type { OnnxDetectorOptions } from '../model/regions/onnx-detector.ts';
import { type DetectorOptions, openDetector } from '../model/regions/open.ts';
import type { Detector } from '../model/regions/region.ts';
import { type CommandContext, type Nothing, sayWaiting } from './command.ts';
import type { Config } from './config.ts';
import { fetching, startProgress } from './progress.ts';
import { publishRegions } from './publish.ts';
import { count } from './table.ts';

/** Where the features of the configured detector lie in a corpus, or a place in S3 like one. */
export const regionsDir = (corpusDir: string, { detector, onnx }: Config['regions']): string =>
  within(corpusDir, 'regions', detector === 'onnx' && onnx ? onnx.name : detector);

/** Opens the configured detector, fetching its weights when they are not there. */
export const openConfigured = (settings: Config['regions']): Promise<Detector> =>
  openDetector(detectorOptions(settings), fetching);

function detectorOptions(settings: Config['regions']): DetectorOptions {
  const { detector, features, inputSidePx, topK, onnx, ...others } = settings;
  others satisfies Nothing;
  switch (detector) {
    case 'centernet':
      return { kind: 'centernet', features, inputSidePx, topK };
    case 'patches':
      return { kind: 'patches' };
    case 'onnx':
      if (!onnx)
        throw new UserError('Expected regions.onnx for detector onnx but there is none; describe it in lait.yaml.');
      return { kind: 'onnx', ...(onnx as OnnxDetectorOptions), topK };
  }
}

export async function regions({
  corpusDir,
  config,
  settings,
  signal,
  print,
}: CommandContext<'regions'>): Promise<void> {
  // Before its own lock, as it stands in the order of locks.
  await settleInTurn(join(corpusDir, 'shards'), { signal, onWait: sayWaiting });
  // Before the weights are fetched, which take minutes.
  requireShards(join(corpusDir, 'shards'));
  const unlock = lockPart(corpusDir, 'regions');
  try {
    await extract({ corpusDir, settings, signal, print });
  } finally {
    unlock();
  }
  if (config.blobs === undefined) return;
  const folder = relative(corpusDir, regionsDir(corpusDir, settings));
  await publishRegions(corpusDir, folder, config.blobs, signal);
}

async function extract({
  corpusDir,
  settings,
  signal,
  print,
}: Pick<CommandContext<'regions'>, 'corpusDir' | 'settings' | 'signal' | 'print'>): Promise<void> {
  const detector = await openConfigured(settings);
  const progress = startProgress('Detecting regions');
  const outDir = regionsDir(corpusDir, settings);
  try {
    const summary = await extractRegions({
      shards: join(corpusDir, 'shards'),
      outDir,
      detector,
      maxRegions: settings.topK,
      signal,
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
