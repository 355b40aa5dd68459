/** A batch as it goes to another machine with all that judging it takes, and its verdicts as they come back: gzip of JSON. */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { PairToJudge, PairVerdict } from '../dataset/ledger/verdicts.ts';
import type { WorkPlace } from '../dataset/ledger/work-pictures.ts';
import type { Pair } from '../dataset/pair.ts';

export interface BatchContent {
  readonly pairs: readonly PairToJudge[];
  /** What is stored, by pair or image, then by the name of the score. */
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** By SHA-256, where else than here a picture lies. */
  readonly places: Readonly<Record<string, readonly WorkPlace[]>>;
}

const [pack, unpack] = [promisify(gzip), promisify(gunzip)];

/** Unpacked, of a batch or a job: far more than 500 pairs have, or the words of a large corpus. */
const maxJsonBytes = 512_000_000;

export const packed = (value: unknown): Promise<Buffer> => pack(JSON.stringify(value), { level: 1 });

export async function unpacked(bytes: Buffer): Promise<unknown> {
  return JSON.parse((await unpack(bytes, { maxOutputLength: maxJsonBytes })).toString('utf8'));
}

/** A pair without its page, whose text all pairs of the page share, and its sample without the pair. */
interface PackedPair extends Pick<PairToJudge, 'row' | 'missing' | 'cleanedText' | 'before'> {
  readonly page: number;
  readonly pair: Omit<Pair, 'pageTitle' | 'pageText'>;
  readonly image: Omit<StoredSample, keyof Pair> | null;
}

interface PackedBatch extends Omit<BatchContent, 'pairs'> {
  readonly pages: readonly (readonly [title: string, text: string])[];
  readonly pairs: readonly PackedPair[];
}

export function packBatch({ pairs, ...rest }: BatchContent): Promise<Buffer> {
  const pages: [string, string][] = [];
  const numbers = new Map<string, number>();
  const pageOf = ({ pageUrl, pageTitle, pageText }: Pair): number => {
    let number = numbers.get(pageUrl);
    if (number === undefined) {
      number = pages.push([pageTitle, pageText]) - 1;
      numbers.set(pageUrl, number);
    }
    return number;
  };
  const packedPairs = pairs.map(({ row, pair, sample, ...known }): PackedPair => {
    const { pageTitle: _, pageText: __, ...own } = pair;
    return { row, page: pageOf(pair), pair: own, image: sample && measuredOf(sample), ...known };
  });
  return packed({ pages, pairs: packedPairs, ...rest } satisfies PackedBatch);
}

export async function unpackBatch(bytes: Buffer): Promise<BatchContent> {
  const { pages, pairs, ...rest } = (await unpacked(bytes)) as PackedBatch;
  return {
    ...rest,
    pairs: pairs.map(({ row, page, pair: own, image, ...known }) => {
      const [pageTitle, pageText] = pages[page]!;
      const pair = { ...own, pageTitle, pageText };
      return { row, pair, sample: image && { ...pair, ...image }, ...known };
    }),
  };
}

const measuredOf = ({
  format,
  width,
  height,
  frames,
  byteLength,
  sha256,
  phash,
  segment,
  offset,
  resized = null,
}: StoredSample): PackedPair['image'] => ({
  ...{ format, width, height, frames, byteLength, sha256, phash, segment, offset, resized },
});

export const packVerdicts = (verdicts: readonly PairVerdict[]): Promise<Buffer> => packed(verdicts);
export const unpackVerdicts = async (bytes: Buffer): Promise<readonly PairVerdict[]> =>
  (await unpacked(bytes)) as readonly PairVerdict[];
