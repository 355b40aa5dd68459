/**
 * Dropout whose masks follow from a seed and the order of the calls. The random numbers are TensorFlow's own (Philox, stateless),
 * so they are drawn anew in each run of a compiled step; other backends draw them in JavaScript.
 */
import { type NativeBackend, nativeBackend, type Tensor, tf } from '../runtime/backend.ts';

/** Drops a share of x and scales the rest, at one place of the network after another; the identity when not training. */
export interface Dropout {
  (x: Tensor): Tensor;
  /** 1 for what stays and 0 for what goes; where it is missing, nothing goes. */
  mask(shape: number[]): Tensor | undefined;
  /** What the rest is to be multiplied by. */
  readonly grow: number;
}

export const noDropout: Dropout = Object.assign((x: Tensor) => x, { mask: () => undefined, grow: 1 });

/** `seed` [2] int32. */
export function dropout(rate: number, seed: Tensor): Dropout {
  if (rate === 0) return noDropout;
  let place = 0;
  const mask = (shape: number[]) => {
    const own = tf.add(seed, tf.tensor1d([0, place], 'int32'));
    place += 1;
    return kept(shape, own, rate);
  };
  const grow = 1 / (1 - rate);
  return Object.assign((x: Tensor) => tf.mul(x, tf.mul(mask(x.shape), grow)), { mask, grow });
}

function kept(shape: number[], seed: Tensor, rate: number): Tensor {
  const native = nativeBackend();
  if (native) return keptNatively(native, shape, seed, rate);
  const [high, low] = seed.dataSync() as unknown as [number, number];
  return tf.cast(tf.greaterEqual(tf.randomUniform(shape, 0, 1, 'float32', high * 65_537 + low), rate), 'float32');
}

/** Of tensorflow.DataType, which tfjs does not know. */
const [uint16, uint64] = [17, 23];

/**
 * 16 random bits an element instead of a float's 32, which halves what the generator does (1.8 against 3.6 ns an element); the
 * rate is met to 1 in 65,536.
 */
function keptNatively(native: NativeBackend, shape: number[], seed: Tensor, rate: number): Tensor {
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
  const count = tf.util.sizeFromShape(shape);
  const words = Math.ceil(count / 4);
  const random = { dtype: uint64, T: integer, Tseed: integer };
  const [seedId] = native.getInputTensorIds([seed]) as [number];
  const drawn = pass('StatelessRandomUniformFullInt', random, [integers([words], [1]), seedId]);
  let bits = pass('Bitcast', { T: uint64, type: uint16 }, [drawn]); // [words, 4]
  if (words * 4 > count) {
    const flat = pass('Reshape', { T: uint16, Tshape: integer }, [bits, integers([words * 4], [1])]);
    bits = pass('Slice', { T: uint16, Index: integer }, [flat, integers([0], [1]), integers([count], [1])]);
  }
  const shaped = pass('Reshape', { T: uint16, Tshape: integer }, [bits, integers(shape, [shape.length])]);
  const limit = pass('Cast', { SrcT: integer, DstT: uint16 }, [integers([Math.round(rate * 65_536)], [])]);
  const stays = pass('GreaterEqual', { T: uint16 }, [shaped, limit]);
  const mask = call('Cast', { SrcT: bool, DstT: float }, [stays]);
  for (const id of passing) binding.deleteTensor(id);
  return native.createOutputTensor(mask);
}
