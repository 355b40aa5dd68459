/**
 * What a run makes of held-out pairs: the words and regions that are hidden from it, and the pictures that it finds for texts. In a process of its
 * own, which ends when nobody asks: a model may be large, and the card is left to whoever trains on it.
 */
import type { ExportRecord } from '../../dataset/ledger/exports.ts';
import type { Example } from '../../model/data/example.ts';
import type { Regions } from '../../model/regions/region.ts';
import { type FilledPair, fillIn, type HiddenPart } from '../../model/retrieval/fill-in.ts';
import { findPictures } from '../../model/retrieval/found-pictures.ts';
import { type HeldOut, heldOut, type Pictured, type RunQuestion, withPictures } from './held-out-pairs.ts';
import { orSentence, type Sentence } from './sentence.ts';

/** Pairs shown at a time. */
const pairsShown = 6;
/** Texts shown whose picture was found first, and whose was not. */
const textsShown = 4;

/** Which checkpoint it was, and of how many pairs these are some. */
interface Asked {
  readonly step: number;
  readonly isBest: boolean;
  readonly pairs: number;
}

/** A held-out pair; `picture` is the id of a pair of the ledger whose picture is the one that the run has seen. */
export interface HeldOutPair {
  readonly text: string;
  readonly picture: string | null;
}

export interface Guess {
  readonly name: string;
  readonly probability: number;
}

/** A hidden word or region: what it is, and what the run says. */
export interface Hidden {
  readonly truth: string;
  readonly guesses: readonly Guess[];
}

/** A region of a picture: `box` is x, y, width and height in pixels of the picture. */
export interface ShownRegion {
  readonly box: readonly number[];
  readonly label: string;
  readonly confidence: number;
  readonly hidden: Hidden | null;
}

export interface ShownFilled extends HeldOutPair {
  /** Of the picture, in pixels. */
  readonly size: readonly [width: number, height: number];
  /** The text as the run reads it: pieces, those that continue a word without a space before them. */
  readonly words: readonly { readonly piece: string; readonly continues: boolean; readonly hidden: Hidden | null }[];
  /** Empty where the detector knows no classes. */
  readonly regions: readonly ShownRegion[];
}

export interface RunFilled extends Asked {
  readonly from: number;
  readonly shown: readonly ShownFilled[];
  /** What the run has not learned, so that it is not asked for it. */
  readonly learned: { readonly words: boolean; readonly regions: boolean };
}

export interface ShownFound extends HeldOutPair {
  readonly rank: number;
  readonly best: readonly (HeldOutPair & { readonly isOwn: boolean })[];
}

export interface RunFound extends Asked {
  readonly by: 'itc' | 'itm' | null;
  /** Texts whose own picture comes first. */
  readonly found: number;
  readonly right: readonly ShownFound[];
  readonly wrong: readonly ShownFound[];
}

/** Hides words and regions of the held-out pairs from `from` on. */
export const filledByRun = (question: RunQuestion & { readonly from: number }): Promise<RunFilled | Sentence> =>
  orSentence(async () => {
    const { from } = question;
    const held = await heldOut(question);
    const { checkpoint, pairs } = held;
    const chosen = pairs.slice(from, from + pairsShown);
    const filled = fillIn(checkpoint, chosen, { seed: from });
    return {
      ...asked(held),
      from,
      learned: {
        words: checkpoint.objectives.mlm > 0,
        regions: checkpoint.objectives.moc > 0 && checkpoint.config.classes > 1,
      },
      shown: withPictures(question, chosen, (found) =>
        chosen.map((pair, at) => shownFilled(held, pair, filled[at]!, found(pair))),
      ),
    };
  });

/** Looks for the pictures of held-out texts. */
export const foundByRun = (question: RunQuestion): Promise<RunFound | Sentence> =>
  orSentence(async () => {
    const held = await heldOut(question);
    const { checkpoint, pairs, tokenizer } = held;
    const result = findPictures(checkpoint, pairs);
    const texts = (result?.texts ?? []).map((one, at) => ({ ...one, at }));
    const isRight = ({ rank }: { readonly rank: number }) => rank === 1;
    const right = texts.filter(isRight).slice(0, textsShown);
    const wrong = texts.filter((one) => !isRight(one)).slice(0, textsShown);
    const shown = [...right, ...wrong].flatMap(({ at, best }) => [at, ...best]).map((at) => pairs[at]!);
    return withPictures(question, shown, (found) => {
      const pairOf = (at: number): HeldOutPair => ({
        text: tokenizer.decode(pairs[at]!.pieces),
        picture: found(pairs[at]!)?.id ?? null,
      });
      const shownFound = ({ at, rank, best }: (typeof texts)[number]): ShownFound => ({
        ...pairOf(at),
        rank,
        best: best.map((one) => ({ ...pairOf(one), isOwn: one === at })),
      });
      return {
        ...asked({ ...held, pairs: pairs.slice(0, texts.length) }),
        by: result?.by ?? null,
        found: texts.filter(isRight).length,
        right: right.map(shownFound),
        wrong: wrong.map(shownFound),
      };
    });
  });

const asked = ({ checkpoint, isBest, pairs }: HeldOut): Asked => ({
  step: checkpoint.state.step,
  isBest,
  pairs: pairs.length,
});

function shownFilled(
  { tokenizer, labels }: HeldOut,
  { pieces, regions }: Example,
  filled: FilledPair,
  pictured: Pictured | null,
): ShownFilled {
  const hiddenAt = (parts: readonly HiddenPart[], at: number, names: readonly string[]): Hidden | null => {
    const part = parts.find((one) => one.at === at);
    const name = (value: number): string => names[value] ?? String(value);
    return part
      ? {
          truth: name(part.truth),
          guesses: part.guesses.map(({ value, probability }) => ({ name: name(value), probability })),
        }
      : null;
  };
  const size = pictured ? ([pictured.width, pictured.height] as const) : ([1, 1] as const);
  return {
    text: tokenizer.decode(pieces),
    picture: pictured?.id ?? null,
    size,
    words: pieces.map((id, at) => {
      const piece = tokenizer.vocabulary[id]!;
      const continues = piece.startsWith('##');
      return { piece: continues ? piece.slice(2) : piece, continues, hidden: hiddenAt(filled.pieces, at, tokenizer.vocabulary) }; // biome-ignore format: one line
    }),
    regions:
      labels.length > 1
        ? Array.from(regions.labels, (label, at) => ({
            box: boxOf(regions, at, size, pictured?.configuration ?? {}),
            label: labels[label]!,
            confidence: regions.confidences[at]!,
            hidden: hiddenAt(filled.regions, at, labels),
          }))
        : [],
  };
}

/**
 * x, y, width and height of a region in pixels of the whole picture. The detector saw the picture of the shard: an export to squares cut the middle out
 * of it, or put white around.
 */
function boxOf(
  { boxes }: Regions,
  at: number,
  [W, H]: readonly [number, number],
  { encode, resize, sizePx, onlyIfBigger }: ExportRecord['configuration'],
): readonly number[] {
  const isSquare = encode !== 'original' && (resize === 'center_crop' || resize === 'border');
  const side = resize === 'center_crop' ? Math.min(W, H) : Math.max(W, H);
  const isResized = isSquare && (onlyIfBigger !== true || side > Number(sizePx));
  const pixels = (share: number, length: number): number =>
    isResized ? (length - side) / 2 + share * side : share * length;
  const [x1, y1, x2, y2] = boxes.subarray(4 * at, 4 * at + 4) as unknown as [number, number, number, number];
  const [left, top] = [pixels(x1, W), pixels(y1, H)];
  return [left, top, pixels(x2, W) - left, pixels(y2, H) - top];
}
