/** `lait finetune`: goes on from a pretrained run with image-text matching alone, for retrieval. */
import { expected } from '../dataset/user-error.ts';
import { tokenizerOf } from '../model/data/tokenizer.ts';
import { measurePeakFlops } from '../model/runtime/peak.ts';
import { readCheckpoint } from '../model/train/checkpoint.ts';
import { finetune as train } from '../model/train/finetune.ts';
import type { CommandContext } from './command.ts';
import { startProgress } from './progress.ts';
import { endLine, epochWords, featuresOf, runDir, showStep, trainedDir, trainingExamples } from './training.ts';

export async function finetune({ corpusDir, config, settings, signal }: CommandContext<'finetune'>): Promise<void> {
  const features = featuresOf(corpusDir, config);
  const checkpoint = readCheckpoint(trainedDir(corpusDir, settings.from));
  if (checkpoint.detector !== features.name) {
    const advice = 'extract regions with it, or fine-tune a run that learned these';
    throw expected(`${checkpoint.detector}, the checkpoint's`, 'the detector', features.name, advice);
  }
  const dir = runDir(corpusDir, settings.run);
  const { maxPieces, maxRegions } = checkpoint.config;
  const { from: _from, run: _run, ...training } = settings;
  const examples = await trainingExamples({
    corpora: [{ dir: corpusDir, share: 1 }],
    config,
    tokenizer: tokenizerOf(checkpoint.vocabulary),
    maxPieces,
    maxRegions,
    seed: settings.seed,
    signal,
  });
  console.log(`${settings.loss} loss, ${examples.words}; ${dir}`);
  console.log(`${epochWords(settings, examples.images)} (the paper: 130)`);
  for (const line of examples.leftOut.lines()) console.log(line);
  const { source, validation } = examples;
  const peakFlops = measurePeakFlops(settings.precision);
  const progress = startProgress('Fine-tuning');
  const show = showStep(progress);
  try {
    const summary = await train(
      { ...training, checkpoint: checkpoint.dir, runDir: dir, source, validation, peakFlops, resume: true },
      { signal, onProgress: (state) => show(state) },
    );
    progress.stop();
    console.log(endLine(summary));
  } finally {
    progress.stop();
  }
}
