/** `lait evaluate`: image and text retrieval on held-out pairs, beside chance. */
import { join } from 'node:path';
import { readCheckpoint } from '../model/checkpoint.ts';
import { evaluateRetrieval, type Recalls } from '../model/evaluate.ts';
import { type Example, readExamples } from '../model/example.ts';
import { tokenizerOf } from '../model/tokenizer.ts';
import { type CommandContext, requirePath } from './command.ts';
import { startProgress } from './progress.ts';
import { regionsDir } from './regions.ts';
import { count, percent, table } from './table.ts';
import { runDir } from './training.ts';

export async function evaluate({ corpusDir, config, settings, signal }: CommandContext<'evaluate'>): Promise<void> {
  const shards = join(corpusDir, 'shards', settings.split);
  requirePath(shards, 'shards', 'run `lait export` first');
  const dir = runDir(corpusDir, settings.run);
  requirePath(dir, 'a run', 'run `lait pretrain` first');
  const checkpoint = readCheckpoint(dir);
  const { maxPieces, maxRegions } = checkpoint.config;
  const examples: Example[] = [];
  const images = new Set<string>();
  for await (const example of readExamples({
    shards,
    regions: join(regionsDir(corpusDir, config.regions), settings.split),
    tokenizer: tokenizerOf(checkpoint.vocabulary),
    maxPieces,
    maxRegions,
    signal,
  })) {
    if (!images.has(example.imageId) && images.size >= settings.images) continue;
    images.add(example.imageId);
    examples.push(example);
  }
  const progress = startProgress('Scoring pairs');
  try {
    const result = await evaluateRetrieval(
      { checkpoint: checkpoint.dir, examples, method: settings.method },
      {
        signal,
        onProgress: ({ done, total, pairsPerSecond }) =>
          progress.update({ done, total, detail: `${count(Math.round(pairsPerSecond))} pairs/s` }),
      },
    );
    progress.stop();
    const row = (name: string, { r1, r5, r10 }: Recalls): string[] => [name, percent(r1), percent(r5), percent(r10)];
    console.log(
      table([
        [`${count(result.images)} images, ${count(result.texts)} texts`, 'R@1', 'R@5', 'R@10'],
        row('image for a text', result.imageRetrieval),
        row('  chance', result.chance.imageRetrieval),
        row('text for an image', result.textRetrieval),
        row('  chance', result.chance.textRetrieval),
      ]),
    );
    console.log(`${result.checkpoint}, ${settings.method}, ${count(Math.round(result.pairsPerSecond))} pairs/s`);
  } finally {
    progress.stop();
  }
}
