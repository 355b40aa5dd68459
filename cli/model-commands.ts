/** The commands that train models and use them. */
import { hubScheme } from '../model/formats/hub.ts';
import { chooseOnGpu, type GpuChoices, hasGpu } from '../model/runtime/environment.ts';
import { preferWholeOps } from '../model/runtime/threads.ts';
import { callFlags, plainCommand, settingsCommand } from './add-command.ts';
import type { PretrainFlags } from './call-flags.ts';
import type { Config } from './config.ts';

/** Loads a command whose work is batches through the model, with TensorFlow set up for them. */
const onWholeOps =
  <T>(load: () => Promise<T>) =>
  (): Promise<T> => {
    preferWholeOps();
    return load();
  };

/** The same for a command that trains, which says how it is to be on a GPU. */
const training =
  <T>(load: () => Promise<T>) =>
  ({ settings: { deterministic, tf32 } }: { readonly settings: GpuChoices }): Promise<T> => {
    chooseOnGpu({ deterministic, tf32 });
    return onWholeOps(load)();
  };

const onGpuOnly = {
  deterministic: () => !hasGpu() && 'without a GPU, where every run repeats',
  tf32: () => !hasGpu() && 'without a GPU',
};

/** Of the hub come runs of one checkpoint. */
const ofHub = (flag: string, run: string): string | false =>
  run.startsWith(hubScheme) && `with ${flag} ${run}, which has one checkpoint`;

const withoutContrast = ({
  settings: { itc, stages },
  flags,
}: {
  settings: Config['pretrain'];
  flags: PretrainFlags;
}) => itc === 0 && stages === undefined && flags.stages === undefined && 'without --itc';

const pretrain = settingsCommand({
  name: 'pretrain',
  takesTurns: true,
  section: 'pretrain',
  takesS3: ['shards'],
  summary: 'train ImageBERT on the shards and their regions; a run that exists goes on',
  example: 'lait pretrain --corpus birds --preset mini --from minilm --steps 20000',
  flags: async () => (await callFlags()).pretrainFlags,
  needs: {
    ...onGpuOnly,
    cleanMatching: ({ settings: { mlm, moc, mrfr, itm, itc, stages }, flags }) =>
      stages === undefined &&
      flags.stages === undefined &&
      (mlm + moc + mrfr === 0 || itm + itc === 0) &&
      'where masked objectives, or matching and contrast, are off',
    contrastPooling: withoutContrast,
    contrastStart: withoutContrast,
    vocabularySize: ({ settings }) =>
      settings.from !== 'scratch' && `with --from ${settings.from}, which brings its vocabulary`,
    devices: ({ flags }) => flags.dryRun && 'with --dry-run',
    rank: ({ flags }) => flags.dryRun && 'with --dry-run',
    ranks: ({ flags }) => flags.dryRun && 'with --dry-run',
    coordinator: ({ flags }) => flags.dryRun && 'with --dry-run',
  },
  hasResult: true,
  load: training(async () => {
    const { takeOwnGpu } = await import('./ranks.ts');
    takeOwnGpu(process.env);
    return (await import('./pretrain.ts')).pretrain;
  }),
});

const finetune = settingsCommand({
  name: 'finetune',
  takesTurns: true,
  section: 'finetune',
  takesS3: ['shards'],
  summary: 'go on from a pretrained run with image-text matching alone, for retrieval',
  example: 'lait finetune --corpus birds --from pretrain --loss binary',
  flags: async () => (await callFlags()).finetuneFlags,
  needs: {
    ...onGpuOnly,
    checkpoint: ({ settings: { from } }) => ofHub('--from', from),
    margin: ({ settings: { loss } }) => loss !== 'triplet' && `with --loss ${loss}, it is for triplet`,
  },
  hasResult: true,
  load: training(async () => (await import('./finetune.ts')).finetune),
});

const evaluate = settingsCommand({
  name: 'evaluate',
  section: 'evaluate',
  takesS3: ['shards'],
  summary: 'rank held-out images by text and texts by image; recall@1, 5 and 10 beside a linear map and chance',
  example:
    'lait evaluate --corpus birds --run pretrain\n' +
    'lait evaluate --corpus coco --split test --images 5000 --folds 5 --method rerank',
  flags: async () => (await callFlags()).evaluateFlags,
  needs: {
    checkpoint: ({ settings: { run } }) => ofHub('--run', run),
    candidates: ({ settings: { method } }) =>
      method !== 'rerank' && method !== 'auto' && `with --method ${method}, it is for rerank`,
    linearMap: ({ settings: { split } }) => split === 'train' && 'with --split train, which it would be fitted to',
  },
  hasResult: true,
  load: onWholeOps(async () => (await import('./evaluate.ts')).evaluate),
});

const match = settingsCommand({
  name: 'match',
  section: 'match',
  summary: 'say how well each text fits an image, by a trained run',
  example: 'lait match photo.jpg "a wren on a branch" "a red bus" --corpus birds',
  arguments: '<image> [texts...]',
  needs: { checkpoint: ({ settings: { run } }) => ofHub('--run', run) },
  hasResult: true,
  load: async () => (await import('./match.ts')).match,
});

const trainRelevance = plainCommand({
  name: 'train-relevance',
  takesS3: ['shards'],
  takesTurns: true,
  summary: 'learn from captioned images how well a text fits an image, for `lait filter --relevance`',
  example: 'lait train-relevance --shards flickr8k/shards/train --out relevance.safetensors',
  flags: async () => (await callFlags()).trainRelevanceFlags,
  hasResult: true,
  load: async () => (await import('./train-relevance.ts')).trainRelevance,
});

export const modelCommands = [pretrain, finetune, evaluate, match, trainRelevance];
