/** Numbers with a shape, as they cross from JavaScript into a graph or a file and back. */

/** How many elements a tensor of this shape has. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
export interface ShapedArray {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}
