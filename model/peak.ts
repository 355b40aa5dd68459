/**
 * How fast the machine multiplies matrices at most, measured: the scale on which a training step's speed is read (as MFU, PaLM
 * §4.1, arXiv 2204.02311, but against what this machine was seen to do, not a data sheet).
 */
import { type Tensor, tf } from './backend.ts';
import type { NamedArray } from './batch.ts';
import { program } from './program.ts';
import type { Precision } from './routine.ts';

/** Large enough for full speed on a CPU; a large GPU may do more on larger ones. */
const side = 1536;
const products = 4;
/** The best of four was now and then two thirds of the best of ten. */
const runs = 10;

/** Floating-point operations a second of products of 1536 × 1536 matrices: the best of ten runs of four. About a second on two cores. */
export function measurePeakFlops(precision: Precision): number {
  const running = program({
    // A program has one variable at least.
    parameters: [{ name: 'none', shape: [1], start: 'zeros', decays: false }],
    routines: {
      // A sum of each product, so that none is left out and little is read back.
      peak: ({ first, ...others }) => {
        const sums = Object.values(others).map((other) => tf.sum(tf.matMul(first as Tensor, other)));
        return { outputs: { sum: tf.addN(sums) } };
      },
    },
    precision,
  });
  const matrix = (): NamedArray => ({ shape: [side, side], values: new Float32Array(side * side).fill(1 / side) });
  const inputs = Object.fromEntries(
    ['first', ...Array.from({ length: products }, (_, index) => `other${index}`)].map((name) => [name, matrix()]),
  );
  try {
    let bestMs = Infinity;
    for (let run = 0; run <= runs; run++) {
      const started = performance.now();
      running.run('peak', inputs);
      // The first run compiles.
      if (run > 0) bestMs = Math.min(bestMs, performance.now() - started);
    }
    return (products * 2 * side ** 3) / (bestMs / 1000);
  } finally {
    running.dispose();
  }
}
