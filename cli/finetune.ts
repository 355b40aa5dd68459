/** `lait finetune`: goes on from a pretrained run with image-text matching alone, for retrieval. */
import { expected } from '../dataset/user-error.ts';
import { tokenizerOf } from '../model/data/tokenizer.ts';
import { measurePeakFlops } from '../model/runtime/peak.ts';
import { readCheckpoint } from '../model/train/checkpoint.ts';
import { type FinetuneOptions, finetune as train } from '../model/train/finetune.ts';
import type { CommandContext, KnownTo } from './command.ts';
import { startProgress } from './progress.ts';
import { runDir, trainedDir } from './runs.ts';
import { featuresOf, trainingExamples } from './training-examples.ts';
import { describeEnd, describeEpochs, showStep } from './training-report.ts';

export async function finetune({ corpusDir, config, settings, signal }: CommandContext<'finetune'>): Promise<void> {
  const { from, run, ...training } = settings;
  training satisfies KnownTo<FinetuneOptions, typeof training>;
  const features = featuresOf(corpusDir, config);
  const checkpoint = readCheckpoint(trainedDir(corpusDir, from));
  if (checkpoint.detector !== features.name) {
    const advice = 'extract regions with it, or fine-tune a run that learned these';
    throw expected(`${checkpoint.detector}, the checkpoint's`, 'the detector', features.name, advice);
  }
  const dir = runDir(corpusDir, run);
  const { maxPieces, maxRegions } = checkpoint.config;
  const { source, validation, images, description, skipped } = await trainingExamples({
    corpora: [{ dir: corpusDir, share: 1 }],
    config,
    tokenizer: tokenizerOf(checkpoint.vocabulary),
    maxPieces,
    maxRegions,
    seed: training.seed,
    signal,
  });
  console.log(`${training.loss} loss, ${description}; ${dir}`);
  console.log(`${describeEpochs(training, images)} (the paper: 130)`);
  for (const line of skipped.lines()) console.log(line);

  const peakFlops = measurePeakFlops(training.precision);
  const progress = startProgress('Fine-tuning');
  const show = showStep(progress);
  try {
    const summary = await train(
      { ...training, checkpoint: checkpoint.dir, runDir: dir, source, validation, peakFlops, resume: true },
      { signal, onProgress: (state) => show(state) },
    );
    progress.stop();
    console.log(describeEnd(summary));
  } finally {
    progress.stop();
  }
}
