/** `lait match`: how well texts fit an image, by a trained run; for people to try. */
import { readFileSync } from 'node:fs';
import { withCleanup } from '../dataset/cleanup.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { tokenizerOfModel } from '../model/data/tokenizer.ts';
import { matchTexts, type TextMatch } from '../model/retrieval/match.ts';
import { checkDetectorModel } from '../model/train/made-from.ts';
import { type CommandContext, type Nothing, requireFile } from './command.ts';
import { openConfigured } from './detector.ts';
import { openCheckpoint, trainedDir } from './runs.ts';
import { percent, table } from './table.ts';

export async function match({
  corpusDir,
  config,
  args,
  settings,
  signal,
  print,
}: CommandContext<'match'>): Promise<void> {
  const { run, checkpoint: which, ...others } = settings;
  others satisfies Nothing;
  const [image = '', ...texts] = args;
  if (texts.length === 0) {
    const advice = `give both, or search a corpus by words: lait embed --corpus ${corpusDir}, then lait view --corpus ${corpusDir}`;
    throw expected('a picture and texts', 'lait match', `${image} alone`, advice);
  }
  requireFile(image, 'an image', 'name a picture, then texts');
  const checkpoint = openCheckpoint(await trainedDir(corpusDir, run, signal), which);
  const { dir, config: model } = checkpoint;
  const tokenizer = tokenizerOfModel(checkpoint);
  const bytes = readFileSync(image);
  const detector = await openConfigured(config.regions);
  const regions = await withCleanup(async (defer) => {
    defer(() => detector.dispose());
    if (detector.name !== checkpoint.detector) {
      const advice = 'set it in lait.yaml as it was';
      throw expected(`${checkpoint.detector}, the checkpoint's`, 'the detector', detector.name, advice);
    }
    checkDetectorModel(checkpoint, detector.model);
    return (await detector.detect([bytes]))[0];
  });
  if (!regions)
    throw new UserError(`Expected a picture at ${image} but it does not decode; give a JPEG, PNG or WebP file.`);
  const pieces = texts.map((text) => tokenizer.encode(text, model.maxPieces));
  const [found = []] = matchTexts({ checkpoint: dir, images: [regions], texts: pieces });
  const rows = texts.map((text, index) => ({ text, ...found[index]! }));
  rows.sort((a, b) => b.score - a.score);
  const shown = [
    {
      heading: 'matches',
      of: ({ probability: value }: TextMatch) => (value === undefined ? undefined : percent(value)),
    },
    { heading: 'similar', of: ({ similarity: value }: TextMatch) => value?.toFixed(3) },
  ].filter(({ of }) => rows.some((row) => of(row) !== undefined));
  const lines = rows.map((row) => [...shown.map(({ of }) => of(row) ?? ''), row.text]);
  const heading = [...shown.map(({ heading }) => heading), 'text, the best first'];
  print({ checkpoint: dir, texts: rows }, () => table([heading, ...lines], [shown.length]));
}
