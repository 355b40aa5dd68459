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

/** The rounded means of whole squares of `side` pixels, 2, 4 or 8. */
export function means(src: usize, dst: usize, width: i32, height: i32, side: i32): void {
  const share = f32x4.splat(1.0 / <f32>(side * side));
  const half = f32x4.splat(0.5);
  let to = dst;
  for (let top = 0; top + side <= height; top += side) {
    for (let left = 0; left + side <= width; left += side) {
      let row = src + ((<usize>(top * width + left)) << 2);
      let sum = i16x8.splat(0);
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x += 2) {
          sum = i16x8.add(sum, i16x8.extend_low_i8x16_u(v128.load64_zero(row + ((<usize>x) << 2))));
        }
        row += (<usize>width) << 2;
      }
      const whole = i32x4.add(i32x4.extend_low_i16x8_u(sum), i32x4.extend_high_i16x8_u(sum));
      const mean = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(whole), share), half));
      const words = i16x8.narrow_i32x4_s(mean, mean);
      v128.store32_lane(to, i8x16.narrow_i16x8_u(words, words), 0);
      to += 4;
    }
  }
}
