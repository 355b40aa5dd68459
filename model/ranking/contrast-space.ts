/**
 * Texts as contrast's linear start sees them: what each word piece is, weighted by how rare it is, and beside it, where the encoder
 * comes from a text model, the state that it gives. All of it is linear in what the model computes, so that it can go on from there.
 */
import type { TextSpace } from './linear-map.ts';

type Pieces = readonly number[];

/** Ours: pieces that are rarer tell little and cost much. */
const maxPieceKinds = 4_096;

/** The part of a text's vector that its state has, by the square of its length; its pieces have the rest. Ours: docs/learning.md. */
const stateShare = 0.5;

/** Vectors [V] of texts: pieces [P], then the state [H] where there are states. */
export interface ContrastSpace extends TextSpace {
  /** The pieces that have a direction, in the order of their columns. */
  readonly pieces: readonly number[];
  /** [P] what a piece adds to its column, before the root of the text's length divides it. */
  readonly pieceWeights: Float32Array;
  /** A state [H] adds its difference from the mean times the weight. */
  readonly state?: { readonly mean: Float32Array; readonly weight: number };
}

export interface ContrastSpaceOptions {
  /** Which pieces count, by themselves and by the next one of the text; all unless given. */
  readonly counts?: (piece: number, next: number | undefined) => boolean;
  /** The state of each training text, and of no others. */
  readonly states?: ReadonlyMap<Pieces, Float32Array> | undefined;
}

/** Learns from the training texts which pieces count how much. */
export function contrastSpace(
  texts: readonly Pieces[],
  { counts: has = () => true, states }: ContrastSpaceOptions = {},
): ContrastSpace {
  const counts = new Map<number, number>();
  for (const text of texts) {
    const own = new Set(text.filter((piece, at) => has(piece, text[at + 1])));
    for (const piece of own) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  const kept = [...counts].sort(([a, one], [b, other]) => other - one || a - b).slice(0, maxPieceKinds);
  const columns = new Map(kept.map(([piece], at) => [piece, at]));
  const pieceWeights = Float32Array.from(kept, ([, count]) => Math.log((1 + texts.length) / (1 + count)) + 1);
  const bag = (text: Pieces, to: Float32Array): void => {
    const share = 1 / Math.sqrt(text.length + 1); // its last [SEP] counts as a piece
    text.forEach((piece, at) => {
      const column = has(piece, text[at + 1]) ? columns.get(piece) : undefined;
      if (column !== undefined) to[column]! += share * pieceWeights[column]!;
    });
  };
  const P = kept.length;
  const one = new Float32Array(P);
  const pieceLength = rootMeanSquare(texts, (text) => {
    one.fill(0);
    bag(text, one);
    return one;
  });
  const statePart = states && stateOf(texts, states);
  const pieceShare = (statePart ? 1 - stateShare : 1) / (pieceLength || 1) ** 2;
  for (let at = 0; at < P; at++) pieceWeights[at]! *= Math.sqrt(pieceShare);
  const H = statePart?.mean.length ?? 0;
  const vectorsOf = (some: readonly Pieces[]) => {
    const values = new Float32Array(some.length * (P + H));
    some.forEach((text, row) => {
      const own = values.subarray(row * (P + H), (row + 1) * (P + H));
      bag(text, own);
      if (statePart) {
        const state = states!.get(text)!;
        for (let at = 0; at < H; at++) own[P + at] = (state[at]! - statePart.mean[at]!) * statePart.weight;
      }
    });
    return { rows: some.length, columns: P + H, values };
  };
  return {
    name: statePart ? 'word pieces and their states' : 'word pieces',
    fit: () => vectorsOf,
    pieces: kept.map(([piece]) => piece),
    pieceWeights,
    ...(statePart && { state: statePart }),
  };
}

function stateOf(texts: readonly Pieces[], states: ReadonlyMap<Pieces, Float32Array>) {
  const H = states.get(texts[0]!)!.length;
  const sum = new Float64Array(H);
  for (const text of texts)
    states.get(text)!.forEach((value, at) => {
      sum[at]! += value;
    });
  const mean = Float32Array.from(sum, (total) => total / texts.length);
  const length = rootMeanSquare(texts, (text) => states.get(text)!.map((value, at) => value - mean[at]!));
  return { mean, weight: Math.sqrt(stateShare) / (length || 1) };
}

/** Of the lengths of vectors. */
function rootMeanSquare(texts: readonly Pieces[], vectorOf: (text: Pieces) => Float32Array): number {
  let sum = 0;
  for (const text of texts) for (const value of vectorOf(text)) sum += value * value;
  return Math.sqrt(sum / texts.length);
}
