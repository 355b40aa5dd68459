/** Numbers with a shape, as they cross from JavaScript into a graph or a file and back. */

/** How many elements a tensor of this shape has. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
export interface ShapedArray {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

/** What a function is fed. A Uint16Array holds halves, which the function sees as float32. */
export interface FedArray {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | Uint16Array;
}

/**
 * Room for numbers that are to be fed, in a buffer of its own that a thread can hand over. It begins four bytes further than a buffer
 * does. Buffers begin at multiples of at least 16 bytes, so TensorFlow, which takes memory that begins at a multiple of 64 bytes as it is,
 * copies these. Where a variable kept the memory of an array, one of TensorFlow's threads would return it to V8, whose bookkeeping is not
 * thread-safe, and now and then the process would crash.
 */
export function feedOf<Numbers extends FedArray['values']>(
  numbers: { new (buffer: ArrayBuffer, offset: number, length: number): Numbers; readonly BYTES_PER_ELEMENT: number },
  length: number,
): Numbers {
  return new numbers(new ArrayBuffer(length * numbers.BYTES_PER_ELEMENT + 4), 4, length);
}

/** Whether TensorFlow is sure to copy an array; see `feedOf`. */
export const isCopied = ({ byteOffset }: FedArray['values']): boolean => byteOffset % 16 !== 0;
