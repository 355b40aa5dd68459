/**
 * The bank of training pairs that says which images and texts are hubs (ranking/hubs.ts), kept beside a checkpoint's parameters as
 * `hubs.safetensors` when its run ends. How much is taken off is fitted on the run's held-out pairs.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../dataset/atomic-file.ts';
import { expected } from '../../dataset/user-error.ts';
import type { Example } from '../data/example.ts';
import type { ExampleSource } from '../data/source.ts';
import { filesSha256 } from '../formats/file-hash.ts';
import { readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import { itcSize } from '../net/parameters.ts';
import { bankPairs, fitHubness, type HubBank } from '../ranking/hubs.ts';
import { embedInBatches } from '../ranking/scoring.ts';
import { hubsName } from './checkpoint.ts';
import type { HeldOut } from './held-out.ts';

const nameOf = (checkpoint: string): string => join(checkpoint, hubsName);

export interface KeptHubBank extends HubBank {
  /** Of the file. */
  readonly sha256: string;
  /** Ids of the images of the bank, and of those that what is taken off was fitted on; undefined where an earlier version kept the bank, with no ids or with others. */
  readonly madeOf?: { readonly bank: readonly string[]; readonly heldOut: readonly string[] };
}

/** The bank of a checkpoint; undefined where it has none. Throws a UserError where it does not read. */
export function readHubBank(checkpoint: string): KeptHubBank | undefined {
  if (!existsSync(nameOf(checkpoint))) return undefined;
  const { tensors, metadata } = readSafetensors(nameOf(checkpoint));
  const [images, texts, taken] = ['images', 'texts', 'taken'].map((name) => tensors.get(name));
  const madeOf = madeOfMetadata(metadata.madeOf);
  const isBank = images?.shape[1] === itcSize && texts?.shape[1] === itcSize && taken?.values.length === 4;
  if (!isBank || madeOf === 'no ids')
    throw expected(
      'embeddings of a bank and what they take off',
      nameOf(checkpoint),
      [...tensors.keys()].join(' '),
      'remove it',
    );
  const [textScale, textShare, imageScale, imageShare] = taken!.values as unknown as [number, number, number, number];
  return {
    sha256: filesSha256([nameOf(checkpoint)]),
    ...(madeOf && { madeOf }),
    images: images!.values,
    texts: texts!.values,
    taken: { text: { scale: textScale, share: textShare }, image: { scale: imageScale, share: imageShare } },
  };
}

type KeptMadeOf = NonNullable<KeptHubBank['madeOf']> & { readonly ids?: 'content' };

function madeOfMetadata(text: string | undefined): KeptHubBank['madeOf'] | 'no ids' {
  if (text === undefined) return undefined;
  try {
    const { bank, heldOut, ids } = JSON.parse(text) as KeptMadeOf;
    if ([...bank, ...heldOut].every((id) => typeof id === 'string'))
      return ids === 'content' ? { bank, heldOut } : undefined;
  } catch {
    // Said by who asks.
  }
  return 'no ids';
}

export interface Keeping {
  /** Images, texts and pairs that are done of those that there are to embed and to match. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Embeds the first training pairs of different images, fits what they take off on the held-out pairs, and keeps both with a checkpoint.
 * Throws the signal's reason where it stops; nothing is then kept.
 */
export async function keepHubBank(
  checkpoint: string,
  source: ExampleSource,
  { pairs, scoring }: HeldOut,
  { onProgress, signal }: Keeping = {},
): Promise<void> {
  const chosen = new Map<string, Pick<Example, 'regions' | 'pieces'>>();
  for await (const { imageId, regions, pieces } of source.epoch(0)) {
    signal?.throwIfAborted();
    if (!chosen.has(imageId)) chosen.set(imageId, { regions, pieces });
    if (chosen.size === bankPairs) break;
  }
  const total = 2 * (chosen.size + pairs.length);
  let done = 0;
  const onItems = (count: number): void => {
    done += count;
    onProgress?.(done, total);
  };
  const embed = (some: readonly Pick<Example, 'regions' | 'pieces'>[]) =>
    embedInBatches({ images: some.map(({ regions }) => regions), texts: some.map(({ pieces }) => pieces) }, scoring, {
      onItems,
      signal,
    });
  const bank = await embed([...chosen.values()]);
  const { text, image } = fitHubness({ ...(await embed(pairs)), owner: pairs.map((_, index) => index) }, bank);
  const tensor = (values: Float32Array) => ({ shape: [values.length / itcSize, itcSize], values });
  const madeOf: KeptMadeOf = { ids: 'content', bank: [...chosen.keys()], heldOut: pairs.map(({ imageId }) => imageId) };
  const tensors = new Map([
    ['images', tensor(bank.images)],
    ['texts', tensor(bank.texts)],
    ['taken', { shape: [4], values: Float32Array.of(text.scale, text.share, image.scale, image.share) }],
  ]);
  replaceFile(nameOf(checkpoint), (temporary) =>
    writeSafetensors(temporary, tensors, { madeOf: JSON.stringify(madeOf) }),
  );
}
