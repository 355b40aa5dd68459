/**
 * Weighted sums of pixels, in AssemblyScript: the source of `resample.wasm`, which
 * `npx --package assemblyscript@0.28 asc dataset/image/assembly/resample.ts -O3 --runtime stub --enable simd --importMemory --initialMemory 0 --noAssert -o dataset/image/resample.wasm`
 * makes. Pixels are four bytes; weights 16 bits, of which 16,384 is one, so sums are exact. Rows are read, and but for the
 * last overwritten, up to 15 bytes beyond their end.
 */

/** Down the columns: row y of `rows` is the sum of `taps` rows, an even number, from row starts[y] on. */
export function down(src: usize, dst: usize, rowBytes: i32, rows: i32, starts: usize, weights: usize, taps: i32): void {
  const half = i32x4.splat(1 << 13);
  for (let y = 0; y < rows; y++) {
    const from = src + <usize>(load<i32>(starts + ((<usize>y) << 2)) * rowBytes);
    const to = dst + <usize>(y * rowBytes);
    const rowWeights = weights + <usize>(y * taps * 2);
    for (let x: usize = 0; x < <usize>rowBytes; x += 16) {
      let a = half;
      let b = half;
      let c = half;
      let d = half;
      let at = from + x;
      for (let t: usize = 0; t < <usize>taps; t += 2) {
        const upper = v128.load(at);
        const lower = v128.load(at + <usize>rowBytes);
        at += (<usize>rowBytes) << 1;
        const low = i8x16.shuffle(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const high = i8x16.shuffle(upper, lower, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const pair = v128.load32_splat(rowWeights + (t << 1));
        a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(low), pair));
        b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(low), pair));
        c = i32x4.add(c, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(high), pair));
        d = i32x4.add(d, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(high), pair));
      }
      const first = i16x8.narrow_i32x4_s(i32x4.shr_s(a, 14), i32x4.shr_s(b, 14));
      const second = i16x8.narrow_i32x4_s(i32x4.shr_s(c, 14), i32x4.shr_s(d, 14));
      v128.store(to + x, i8x16.narrow_i16x8_u(first, second));
    }
  }
}

/**
 * The same with weights of 64 bits, added in order and rounded to the nearest even number, as in JavaScript; of `from` rows, beyond which weights
 * do not count. Rows of `width` bytes are read, and but for the last overwritten, up to 3 bytes beyond their end.
 */
export function downExactly(
  src: usize,
  dst: usize,
  width: i32,
  from: i32,
  rows: i32,
  starts: usize,
  weights: usize,
  taps: i32,
): void {
  const most = f64x2.splat(255);
  const least = f64x2.splat(0);
  for (let y = 0; y < rows; y++) {
    const start = load<i32>(starts + ((<usize>y) << 2));
    const used = min(taps, from - start);
    const rowWeights = weights + ((<usize>(y * taps)) << 3);
    for (let x = 0; x < width; x += 4) {
      let at = src + <usize>(start * width + x);
      let a = least;
      let b = least;
      for (let t = 0; t < used; t++) {
        const weight = v128.load64_splat(rowWeights + ((<usize>t) << 3));
        const four = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
        a = f64x2.add(a, f64x2.mul(weight, f64x2.convert_low_i32x4_s(four)));
        b = f64x2.add(b, f64x2.mul(weight, f64x2.convert_low_i32x4_s(i32x4.shuffle(four, four, 2, 3, 2, 3))));
        at += <usize>width;
      }
      const low = i32x4.trunc_sat_f64x2_s_zero(f64x2.nearest(f64x2.min(f64x2.max(a, least), most)));
      const high = i32x4.trunc_sat_f64x2_s_zero(f64x2.nearest(f64x2.min(f64x2.max(b, least), most)));
      const words = i16x8.narrow_i32x4_s(i32x4.shuffle(low, high, 0, 1, 4, 5), least);
      v128.store32_lane(dst + <usize>(y * width + x), i8x16.narrow_i16x8_u(words, words), 0);
    }
  }
}

/** Along the rows: pixel x of `width` is the sum of `taps` pixels, a multiple of four, from pixel starts[x] on. */
export function across(
  src: usize,
  dst: usize,
  rowBytes: i32,
  rows: i32,
  width: i32,
  starts: usize,
  weights: usize,
  taps: i32,
): void {
  const half = i32x4.splat(1 << 13);
  const zero = i32x4.splat(0);
  for (let y = 0; y < rows; y++) {
    const row = src + <usize>(y * rowBytes);
    let to = dst + <usize>(y * width * 4);
    let pairs = weights;
    for (let x = 0; x < width; x++) {
      let at = row + ((<usize>load<i32>(starts + ((<usize>x) << 2))) << 2);
      let sum = half;
      for (let t = 0; t < taps; t += 4) {
        const four = v128.load(at);
        const first = v128.load32_splat(pairs);
        const second = v128.load32_splat(pairs + 4);
        at += 16;
        pairs += 8;
        const left = i8x16.shuffle(four, zero, 0, 16, 4, 16, 1, 16, 5, 16, 2, 16, 6, 16, 3, 16, 7, 16);
        const right = i8x16.shuffle(four, zero, 8, 16, 12, 16, 9, 16, 13, 16, 10, 16, 14, 16, 11, 16, 15, 16);
        sum = i32x4.add(sum, i32x4.dot_i16x8_s(left, first));
        sum = i32x4.add(sum, i32x4.dot_i16x8_s(right, second));
      }
      const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sum, 14), sum);
      v128.store32_lane(to, i8x16.narrow_i16x8_u(words, words), 0);
      to += 4;
    }
  }
}

/** Columns become rows, in squares of eight bytes: reads and writes up to 7 bytes and 7 rows beyond the width and the height. */
export function transpose(src: usize, dst: usize, width: i32, height: i32, srcStride: i32, dstStride: i32): void {
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      const from = src + <usize>(top * srcStride + left);
      const ab = interleaved(from, srcStride);
      const cd = interleaved(from + <usize>(2 * srcStride), srcStride);
      const ef = interleaved(from + <usize>(4 * srcStride), srcStride);
      const gh = interleaved(from + <usize>(6 * srcStride), srcStride);
      const upperLow = i16x8.shuffle(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11);
      const upperHigh = i16x8.shuffle(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15);
      const lowerLow = i16x8.shuffle(ef, gh, 0, 8, 1, 9, 2, 10, 3, 11);
      const lowerHigh = i16x8.shuffle(ef, gh, 4, 12, 5, 13, 6, 14, 7, 15);
      const to = dst + <usize>(left * dstStride + top);
      storeTwo(to, dstStride, i32x4.shuffle(upperLow, lowerLow, 0, 4, 1, 5));
      storeTwo(to + <usize>(2 * dstStride), dstStride, i32x4.shuffle(upperLow, lowerLow, 2, 6, 3, 7));
      storeTwo(to + <usize>(4 * dstStride), dstStride, i32x4.shuffle(upperHigh, lowerHigh, 0, 4, 1, 5));
      storeTwo(to + <usize>(6 * dstStride), dstStride, i32x4.shuffle(upperHigh, lowerHigh, 2, 6, 3, 7));
    }
  }
}

/** Eight bytes of a row, each followed by the one below it. */
function interleaved(at: usize, stride: i32): v128 {
  const upper = v128.load64_zero(at);
  const lower = v128.load64_zero(at + <usize>stride);
  return i8x16.shuffle(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Each half into a row. */
function storeTwo(at: usize, stride: i32, rows: v128): void {
  v128.store64_lane(at, rows, 0);
  v128.store64_lane(at + <usize>stride, rows, 1);
}
