/** `lait finetune`: goes on from a pretrained run with image-text matching alone, for retrieval. */
import { type Defer, withCleanup } from '../dataset/cleanup.ts';
import { lockRun } from '../dataset/corpus-lock.ts';
import { deleteTextsOf } from '../dataset/export/takedown-texts.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { expected } from '../dataset/user-error.ts';
import { tokenizerOfModel } from '../model/data/tokenizer.ts';
import { peakFlopsOf } from '../model/runtime/peak.ts';
import { type FinetuneOptions, finetune as train } from '../model/train/finetune.ts';
import { checkDetectorModel } from '../model/train/made-from.ts';
import type { FinetuneFlags } from './call-flags.ts';
import { type CommandContext, type KnownTo, type Nothing, sayWaiting } from './command.ts';
import { dataPlace } from './data-place.ts';
import { startProgress } from './progress.ts';
import { openCheckpoint, requireRunFor, runDir, trainedDir } from './runs.ts';
import { tell } from './tell.ts';
import { featuresOf, trainingExamples } from './training-examples.ts';
import { describeEnd, describeEpochs, showChangedSettings, showRankingAids, showStep } from './training-report.ts';

export const finetune = (context: CommandContext<'finetune', FinetuneFlags>): Promise<void> =>
  withCleanup((defer) => tune(context, defer));

async function tune(
  { corpusDir, config, settings, flags, signal, print }: CommandContext<'finetune', FinetuneFlags>,
  defer: Defer,
): Promise<void> {
  const { shards, dataChanged, ...others } = flags;
  others satisfies Nothing;
  const { from, checkpoint: which, run, deterministic: _, tf32: __, ...training } = settings;
  training satisfies KnownTo<FinetuneOptions, typeof training>;
  const place = dataPlace(corpusDir, shards);
  await settleInTurn(place.shards, { signal, onWait: sayWaiting });
  const features = await featuresOf(place, config);
  defer(lockRun(corpusDir, run));
  const checkpoint = openCheckpoint(await trainedDir(corpusDir, from, signal), which);
  if (checkpoint.detector !== features.name) {
    const advice = 'extract regions with it, or fine-tune a run that learned these';
    throw expected(`${checkpoint.detector}, the checkpoint's`, 'the detector', features.name, advice);
  }
  checkDetectorModel(checkpoint, features.model);
  const dir = runDir(corpusDir, run);
  requireRunFor(dataChanged, dir);
  const { maxPieces, maxRegions } = checkpoint.config;
  const { source, validation, data, samples, description, skipped } = await trainingExamples({
    corpora: [{ ...place, share: 1 }],
    config,
    tokenizer: tokenizerOfModel(checkpoint),
    maxPieces,
    maxRegions,
    seed: training.seed,
    run: dir,
    signal,
  });
  tell(`${training.loss} loss, ${description}; ${dir}`);
  tell(`${describeEpochs(training, samples)} (the paper: 130)`);
  for (const line of skipped.lines()) tell(line);

  const peakFlops = peakFlopsOf(training.steps, training.precision);
  const progress = startProgress('Fine-tuning');
  const show = showStep(progress);
  try {
    const summary = await train(
      {
        ...training,
        checkpoint: checkpoint.dir,
        runDir: dir,
        source,
        validation,
        data,
        dataChanged,
        ...(peakFlops !== undefined && { peakFlops }),
        onRankingAids: showRankingAids(progress),
        onChangedSettings: showChangedSettings(progress),
        resume: true,
      },
      { signal, onProgress: (state) => show(state) },
    );
    progress.stop();
    print(summary, () => describeEnd(summary));
  } finally {
    progress.stop();
    deleteTextsOf(dir);
  }
}
