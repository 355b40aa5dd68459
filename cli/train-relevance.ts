/** `lait train-relevance`: learns from captioned images, and from what people said of pairs, how well a text fits an image (LAIT step 4). */
import { dirname } from 'node:path';
import { isS3 } from '../dataset/blobs/place.ts';
import { type Defer, withCleanup } from '../dataset/cleanup.ts';
import { lockFile } from '../dataset/corpus-lock.ts';
import type { RelevanceScorer } from '../dataset/scorer.ts';
import { expandShardPaths, isUrl } from '../dataset/shards/paths.ts';
import { imageFields, readShards } from '../dataset/shards/reader.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { UserError } from '../dataset/user-error.ts';
import { textsOf } from '../model/data/example.ts';
import { loadRelevance } from '../model/scorers/relevance.ts';
import { type CaptionedImage, isRelevanceModel, trainRelevance as train } from '../model/scorers/train-relevance.ts';
import type { TrainRelevanceFlags } from './call-flags.ts';
import { type Nothing, type PlainContext, sayWaiting } from './command.ts';
import { openLabelled } from './labelled-examples.ts';
import { checkOutFile } from './out-file.ts';
import { startProgress } from './progress.ts';
import { openFeatures } from './scorers.ts';
import { count, percent } from './table.ts';

export const trainRelevance = (context: PlainContext<TrainRelevanceFlags>): Promise<void> =>
  withCleanup((defer) => learn(context, defer));

async function learn({ flags, signal, print }: PlainContext<TrainRelevanceFlags>, defer: Defer): Promise<void> {
  const { shards = [], labels = [], out, ...others } = flags;
  others satisfies Nothing;
  if (shards.length + labels.length === 0) {
    throw new UserError('Expected --shards, --labels or both but received neither; name what to learn from.');
  }
  checkOutFile(out, { what: 'a relevance model of lait', isOne: isRelevanceModel });
  const labelled = await openLabelled(labels, defer);
  defer(lockFile(out));
  for (const folder of setsOf(shards)) await settleInTurn(folder, { signal, onWait: sayWaiting });
  if (shards.length > 0) await expandShardPaths(shards);
  const { imageFeatures, textFeatures } = await openFeatures();
  const progress = startProgress('Learning relevance');
  try {
    const result = await train({
      examples: inTurn(labelled.fitting(), ...(shards.length > 0 ? [captioned(shards, signal)] : [])),
      imageFeatures,
      textFeatures,
      out,
      signal,
      onProgress: (done) => progress.update({ done, detail: 'captioned images read' }),
    });
    const scorer = loadRelevance(out, imageFeatures, textFeatures);
    const wrong = await triedOn(labelled.wrong(), scorer);
    progress.stop();
    const { path, images, texts, undecodable, lambda, heldOut } = result;
    const { r1, r10 } = heldOut.imageRetrieval;
    print(
      { ...result, ...(labels.length > 0 && { wrong }) },
      () =>
        `${path}: a linear map (λ ${count(lambda)}) from ${count(images)} images with ${count(texts)} texts, ${count(undecodable)} without an image that decodes\n` +
        `without ${count(heldOut.images)} of the images it finds theirs for ${percent(r1)} of their texts, among ten for ${percent(r10)} (chance ${percent(1 / heldOut.images)} and ${percent(Math.min(1, 10 / heldOut.images))})\n` +
        (wrong.pairs === 0
          ? ''
          : `of ${count(wrong.pairs)} pairs that people said do not fit it gives ${count(wrong.belowHalf)} a chance under a half\n`) +
        `\`lait filter --relevance ${path}\` scores with it: the chance that a text is its image's own and not another's`,
    );
  } finally {
    progress.stop();
    imageFeatures.dispose();
    textFeatures.dispose();
  }
}

/** Folders of sets that shards may lie in: they are named by folders, by files, or by folders of splits. */
const setsOf = (shards: readonly string[]): Set<string> =>
  new Set(shards.flatMap((path) => (isUrl(path) || isS3(path) ? [] : [path, dirname(path), dirname(dirname(path))])));

async function* inTurn<T>(...sources: readonly (AsyncIterable<T> | Iterable<T>)[]): AsyncGenerator<T> {
  for (const source of sources) yield* source;
}

/** What a model makes of pairs that people said do not fit. */
async function triedOn(pairs: Iterable<CaptionedImage>, scorer: RelevanceScorer) {
  const tried = { pairs: 0, belowHalf: 0 };
  for (const { image, text } of pairs) {
    const [chance = null] = await scorer.score([{ image, text, sha256: '' }]);
    if (chance === null) continue;
    tried.pairs += 1;
    if (chance < 0.5) tried.belowHalf += 1;
  }
  return tried;
}

/** Every text of every image of the shards. */
async function* captioned(shards: readonly string[], signal: AbortSignal): AsyncGenerator<CaptionedImage> {
  for await (const { fields } of readShards({ paths: shards, signal })) {
    const image = imageFields.map((name) => fields[name]).find((bytes) => bytes !== undefined);
    if (!image) continue;
    for (const text of textsOf(fields)) if (text !== '') yield { image, text };
  }
}
