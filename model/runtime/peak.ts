/**
 * How fast the machine multiplies matrices at most, measured: the scale on which a training step's speed is read (as MFU, PaLM
 * §4.1, arXiv 2204.02311, but against what this machine was seen to do, not a data sheet).
 */
import { tf } from './backend.ts';
import { openExecutable } from './executable.ts';
import { startValues } from './parameter.ts';
import type { Precision } from './traced-function.ts';

/** Large enough for full speed on a CPU; a large GPU may do more on larger ones. */
const side = 1536;

/** Variables, since inputs would be copied in each run; each by each makes four products. */
const names = ['a', 'b'];

/** The best of four was now and then two thirds of the best of ten. */
const runs = 10;

/** Runs of fewer steps do without it: it takes as long as this many steps of the smallest preset (ours). */
const leastSteps = 20;

/** `measurePeakFlops` for a run of that many steps; undefined where the run is too short to be worth it. */
export function peakFlopsOf(steps: number, precision: Precision): number | undefined {
  return steps < leastSteps ? undefined : measurePeakFlops(precision);
}

/** Floating-point operations a second of products of 1536 × 1536 matrices: the best of ten runs of four. About a second on two cores. */
export function measurePeakFlops(precision: Precision): number {
  const parameters = names.map((name) => ({ name, shape: [side, side], start: 'ones' as const, decays: false }));
  const running = openExecutable({
    parameters,
    functions: {
      // A number of each product, so that none is left out and little is read back.
      peak: (_, weights) => {
        const corners = names.flatMap((one) =>
          names.map((other) => tf.slice(tf.matMul(weights(one), weights(other)), [0, 0], [1, 1])),
        );
        return { outputs: { corners: tf.concat(corners, 0) } };
      },
    },
    precision,
  });
  try {
    running.load(startValues(parameters, 0));
    let bestMs = Infinity;
    for (let run = 0; run <= runs; run++) {
      const started = performance.now();
      running.run('peak', {});
      // The first run compiles.
      if (run > 0) bestMs = Math.min(bestMs, performance.now() - started);
    }
    return (names.length ** 2 * 2 * side ** 3) / (bestMs / 1000);
  } finally {
    running.dispose();
  }
}
