/**
 * Dropout whose masks follow from a seed and the order of the calls, row by row: a row's mask is the same whether it is drawn with the whole
 * batch, with the part of it that lies on one device, or with the rows of one process. The random numbers are TensorFlow's own (Philox,
 * stateless), so they are drawn anew in each run of a compiled step; other backends draw them in JavaScript.
 */
import { type NativeBackend, nativeBackend, type Tensor, tf } from '../runtime/backend.ts';

/** Sequences `first`, `first` + 1, … of a batch that has `of` in all. */
export interface Rows {
  readonly first: number;
  readonly count: number;
  readonly of: number;
}

/**
 * Drops a share of x and scales the rest, at one place of the network after another; the identity when not training. `rows` are the sequences
 * that x has; each of its rows is one unless given.
 */
export interface Dropout {
  (x: Tensor, rows?: Rows): Tensor;
  /** 1 for what stays and 0 for what goes; where it is missing, nothing goes. */
  mask(shape: number[], rows?: Rows): Tensor | undefined;
  /** What the rest is to be multiplied by. */
  readonly grow: number;
  /** Dropout at the next place, which each part of a batch can come to. */
  place(): Dropout;
}

export const noDropout: Dropout = Object.assign((x: Tensor) => x, {
  mask: () => undefined,
  grow: 1,
  place: () => noDropout,
});

/** `seed` [2] int32. `pairs` are those that are here of a batch whose rest others have; its sequences are groups of one for each pair. */
export function dropout(rate: number, seed: Tensor, pairs?: Rows): Dropout {
  if (rate === 0) return noDropout;
  const grow = 1 / (1 - rate);
  let places = 0;
  const next = (): number => {
    places += 1;
    return places - 1;
  };
  const at = (placeOf: () => number): Dropout => {
    const mask = (shape: number[], rows?: Rows) => {
      const count = shape.length > 1 ? shape[0]! : 1;
      return kept(shape, { seed, place: placeOf() }, runsOf(rows ?? { first: 0, count, of: count }, pairs), rate);
    };
    const place = (): Dropout => {
      const own = next();
      return at(() => own);
    };
    return Object.assign((x: Tensor, rows?: Rows) => tf.mul(x, tf.mul(mask(x.shape, rows), grow)), {
      mask,
      grow,
      place,
    });
  };
  return at(next);
}

/** Sequences that follow each other among those of all. */
interface Run {
  readonly first: number;
  readonly count: number;
}

/** Where sequences that are here lie among those of the whole batch. */
function runsOf({ first, of, count }: Rows, pairs: Rows | undefined): Run[] {
  if (!pairs) return [{ first, count }];
  // Those here are groups of `pairs.count`, those of the whole batch groups of `pairs.of`.
  const groups = of / pairs.count;
  return Array.from({ length: groups }, (_, group) => {
    const from = Math.max(first, group * pairs.count);
    const to = Math.min(first + count, (group + 1) * pairs.count);
    return { first: from - group * pairs.count + group * pairs.of + pairs.first, count: to - from };
  }).filter((run) => run.count > 0);
}

interface Stream {
  readonly seed: Tensor;
  readonly place: number;
}

function kept(shape: number[], stream: Stream, runs: readonly Run[], rate: number): Tensor {
  const native = nativeBackend();
  const perRow = tf.util.sizeFromShape(shape) / runs.reduce((sum, { count }) => sum + count, 0);
  const masks = runs.map((run) => {
    const own = runs.length === 1 ? shape : [run.count, perRow];
    if (native) return keptNatively(native, own, stream, { ...run, perRow }, rate);
    const [high, low] = stream.seed.dataSync() as unknown as [number, number];
    const drawn = tf.randomUniform(own, 0, 1, 'float32', (high * 65_537 + low) * 4099 + stream.place * 257 + run.first);
    return tf.cast(tf.greaterEqual(drawn, rate), 'float32');
  });
  return masks.length === 1 ? masks[0]! : tf.reshape(tf.concat(masks, 0), shape);
}

/** Of tensorflow.DataType, which tfjs does not know. */
const [uint16, uint64] = [17, 23];

/** Numbers of 16 bits that Philox gives for one count of its counter. */
const numbersPerCount = 8;

/** TensorFlow's number for Philox. */
const philox = 1;

/**
 * 16 random bits an element instead of a float's 32, which halves what the generator does (1.8 against 3.6 ns an element); the
 * rate is met to 1 in 65,536. The seed is Philox's key; its counter counts from the first sequence on, in its high half the place of the network.
 */
function keptNatively(
  native: NativeBackend,
  shape: number[],
  { seed, place }: Stream,
  { first, count: rows, perRow }: Run & { readonly perRow: number },
  rate: number,
): Tensor {
  const { binding } = native;
  const { TF_ATTR_TYPE: kind, TF_ATTR_BOOL: flag, TF_INT32: integer, TF_FLOAT: float, TF_BOOL: bool } = binding;
  const passing: number[] = [];
  const call = (op: string, types: Readonly<Record<string, number>>, ids: readonly number[]) => {
    const attributes = Object.entries(types).map(([name, value]) => ({
      name,
      type: kind,
      value: value as number | boolean,
    }));
    if (op === 'Cast') attributes.push({ name: 'Truncate', type: flag, value: false });
    const [made] = binding.executeOp(op, attributes, [...ids], 1);
    return made as NonNullable<typeof made>;
  };
  const pass = (...args: Parameters<typeof call>): number => {
    const { id } = call(...args);
    passing.push(id);
    return id;
  };
  const integers = (values: readonly number[], size: readonly number[]) => {
    const id = binding.createTensor([...size], integer, Int32Array.from(values));
    passing.push(id);
    return id;
  };
  const padded = Math.ceil(perRow / numbersPerCount) * numbersPerCount;
  const counts = first * (padded / numbersPerCount);
  const [seedId] = native.getInputTensorIds([seed]) as [number];
  const key = pass('Bitcast', { T: integer, type: uint64 }, [
    pass('Reshape', { T: integer, Tshape: integer }, [seedId, integers([1, 2], [2])]),
  ]); // [1]
  const counter = pass('Bitcast', { T: integer, type: uint64 }, [
    integers([counts | 0, Math.floor(counts / 2 ** 32), place, 0], [2, 2]),
  ]); // [2]
  const drawn = pass('StatelessRandomUniformFullIntV2', { dtype: uint64, Tshape: integer }, [
    ...[integers([rows, padded / 4], [2]), key, counter, integers([philox], [])],
  ]);
  const bits = pass('Bitcast', { T: uint64, type: uint16 }, [drawn]); // [rows, padded / 4, 4]
  const limit = pass('Cast', { SrcT: integer, DstT: uint16 }, [integers([Math.round(rate * 65_536)], [])]);
  let stays = pass('Reshape', { T: bool, Tshape: integer }, [
    ...[pass('GreaterEqual', { T: uint16 }, [bits, limit]), integers([rows, padded], [2])],
  ]);
  // Of the answers: a GPU has no kernel that takes a slice of numbers of 16 bits.
  if (padded > perRow)
    stays = pass('Slice', { T: bool, Index: integer }, [stays, integers([0, 0], [2]), integers([rows, perRow], [2])]);
  const shaped = pass('Reshape', { T: bool, Tshape: integer }, [stays, integers(shape, [shape.length])]);
  const mask = call('Cast', { SrcT: bool, DstT: float }, [shaped]);
  for (const id of passing) binding.deleteTensor(id);
  return native.createOutputTensor(mask);
}
