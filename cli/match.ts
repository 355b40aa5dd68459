/** `lait match`: how well texts fit an image, by a trained run; for people to try. */
import { readFileSync } from 'node:fs';
import { UserError } from '../dataset/user-error.ts';
import { tokenizerOf } from '../model/data/tokenizer.ts';
import { matchTexts } from '../model/retrieval/match.ts';
import { readCheckpoint } from '../model/train/checkpoint.ts';
import { type CommandContext, type Nothing, requirePath } from './command.ts';
import { openConfigured } from './regions.ts';
import { trainedDir } from './runs.ts';
import { percent, table } from './table.ts';

export async function match({ corpusDir, config, args, settings }: CommandContext<'match'>): Promise<void> {
  const { run, ...others } = settings;
  others satisfies Nothing;
  const [image = '', ...texts] = args;
  requirePath(image, 'an image', 'name a picture, then texts');
  const { dir, config: model, vocabulary } = readCheckpoint(trainedDir(corpusDir, run));
  const tokenizer = tokenizerOf(vocabulary);
  const detector = await openConfigured(config.regions);
  const [regions] = await detector.detect([readFileSync(image)]);
  detector.dispose();
  if (!regions)
    throw new UserError(`Expected a picture at ${image} but it does not decode; give a JPEG, PNG or WebP file.`);
  const pieces = texts.map((text) => tokenizer.encode(text, model.maxPieces));
  const [probabilities] = matchTexts({ checkpoint: dir, images: [regions], texts: pieces });
  const rows = texts.map((text, index) => ({ text, probability: probabilities?.[index] ?? 0 }));
  rows.sort((a, b) => b.probability - a.probability);
  console.log(
    table(
      rows.map(({ text, probability }) => [percent(probability), text]),
      [1],
    ),
  );
}
