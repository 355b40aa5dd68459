/** `lait finetune`: goes on from a pretrained run with image-text matching alone, for retrieval. */
import { latestCheckpoint, readCheckpoint } from '../model/checkpoint.ts';
import { finetune as train } from '../model/finetune.ts';
import { tokenizerOf } from '../model/tokenizer.ts';
import { type CommandContext, requirePath } from './command.ts';
import { startProgress } from './progress.ts';
import { endLine, featuresOf, runDir, showStep, trainingExamples } from './training.ts';

export async function finetune({ corpusDir, config, settings, signal }: CommandContext<'finetune'>): Promise<void> {
  featuresOf(corpusDir, config);
  const from = runDir(corpusDir, settings.from);
  requirePath(from, 'a pretrained run', 'run `lait pretrain` first');
  const dir = runDir(corpusDir, settings.run);
  const checkpoint = latestCheckpoint(from) ?? from;
  const { config: model, vocabulary } = readCheckpoint(checkpoint);
  const { maxPieces, maxRegions } = model;
  const { from: _from, run: _run, ...training } = settings;
  const tokenizer = tokenizerOf(vocabulary);
  const examples = await trainingExamples({
    corpusDir,
    config,
    tokenizer,
    maxPieces,
    maxRegions,
    seed: settings.seed,
    signal,
  });
  console.log(`${settings.loss} loss, ${examples.words}; ${dir}`);
  const progress = startProgress('Fine-tuning');
  try {
    const summary = await train(
      { ...training, checkpoint, runDir: dir, source: examples.source, validation: examples.validation, resume: true },
      { signal, onProgress: showStep(progress) },
    );
    progress.stop();
    console.log(endLine(summary));
  } finally {
    progress.stop();
  }
}
