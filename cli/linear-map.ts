/** What `lait evaluate` fits a linear map to: the whole-image features and texts of a corpus's own training split. */
import { setImmediate } from 'node:timers/promises';
import { isThere } from '../dataset/blobs/open.ts';
import { type ReadExamplesOptions, readExamples, type ToldPicture } from '../model/data/example.ts';
import type { Tokenizer } from '../model/data/tokenizer.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { type CaptionedFeature, type TextSpace, wholeImageFeature } from '../model/ranking/linear-map.ts';
import { wordSpace } from '../model/ranking/word-space.ts';
import { matrixOf } from '../model/runtime/ridge.ts';
import { miniLmFeatures } from '../model/scorers/text-features.ts';
import { fetching } from './progress.ts';

/** Ours: a map of 2,000 inputs gains little from more, and these fit in 200 MB. */
const maxImages = 20_000;

export interface LinearMapInputs {
  /** By the SHA-256 of the original, by which a corpus knows its pictures. */
  readonly training: readonly (CaptionedFeature & { readonly imageId: string })[];
  readonly space: TextSpace;
}

/** `shards` are a training split; undefined where there is none. Of a large one the first images are taken. */
export async function linearMapInputs(
  shards: string,
  texts: 'words' | 'minilm',
  { tokenizer, maxPieces, maxRegions, regions, signal }: Omit<ReadExamplesOptions, 'shards'>,
): Promise<LinearMapInputs | undefined> {
  if (!(await isThere(shards, signal))) return undefined;
  const byImage = new Map<string, { feature: Float32Array; texts: (readonly number[])[] }>();
  const originals = new Map<string, string>();
  const onPicture = ({ sha256, originalSha256 = sha256 }: ToldPicture) => originals.set(sha256, originalSha256);
  const reading = { onPicture, shards, regions, tokenizer, maxPieces, maxRegions, ...(signal && { signal }) };
  for await (const { imageId, pieces, regions: own } of readExamples(reading)) {
    const known = byImage.get(imageId);
    if (known) known.texts.push(pieces);
    else if (byImage.size === maxImages) break;
    else byImage.set(imageId, { feature: wholeImageFeature(own), texts: [pieces] });
  }
  const space =
    texts === 'words'
      ? wordSpace(tokenizer.vocabulary)
      : miniLmSpace(await ensurePretrained('minilm', fetching), tokenizer, signal);
  return { training: [...byImage].map(([sha256, one]) => ({ imageId: originals.get(sha256)!, ...one })), space };
}

/** Texts that are embedded at once. Ours: 64. */
const batchTexts = 64;

/** Texts as MiniLM sees them; each is seen once. */
function miniLmSpace(weights: string, tokenizer: Tokenizer, signal?: AbortSignal): TextSpace {
  const known = new Map<string, Float32Array>();
  const embed = async (texts: readonly string[]): Promise<void> => {
    const fresh = [...new Set(texts)].filter((text) => !known.has(text)).sort((a, b) => a.length - b.length);
    if (fresh.length === 0) return;
    const features = miniLmFeatures(weights);
    try {
      for (let from = 0; from < fresh.length; from += batchTexts) {
        const some = fresh.slice(from, from + batchTexts);
        const vectors = features.of(some);
        some.forEach((text, at) => {
          known.set(text, vectors[at]!);
        });
        await setImmediate();
        signal?.throwIfAborted();
      }
    } finally {
      features.dispose();
    }
  };
  return {
    name: 'MiniLM',
    fit: () => async (pieces) => {
      const texts = pieces.map((one) => tokenizer.decode(one));
      await embed(texts);
      return matrixOf(texts.map((text) => known.get(text)!));
    },
  };
}
