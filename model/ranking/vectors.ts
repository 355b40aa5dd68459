/** Vectors of length 1, whose dot products are cosines. */

/** The vector at length 1. */
export function normalized(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const scale = squares === 0 ? 0 : 1 / Math.sqrt(squares);
  return vector.map((value) => value * scale);
}

/** The rows of [rows, columns], each at length 1. */
export function normalizedRows(values: Float32Array, rows: number): Float32Array[] {
  const columns = values.length / rows;
  return Array.from({ length: rows }, (_, row) => normalized(values.subarray(row * columns, (row + 1) * columns)));
}

export const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
