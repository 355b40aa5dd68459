/** From scores to chances (Platt 1999): the logistic curve under which right and wrong pairs, as many of each, are likeliest. */

export interface Calibration {
  readonly slope: number;
  readonly bias: number;
}

/** The chance that a pair with this score is right, where right and wrong ones are as many. */
export const chanceOf = ({ slope, bias }: Calibration, score: number): number =>
  1 / (1 + Math.exp(-(slope * score + bias)));

/** From cosines [images × texts]: each text with its own image, and with the one after it. */
export function rightAndWrong(cosines: Float32Array, owner: readonly number[]) {
  const images = cosines.length / owner.length;
  const at = (image: number, text: number) => cosines[image * owner.length + text]!;
  return {
    right: owner.map((image, text) => at(image, text)),
    wrong: owner.map((image, text) => at((image + 1) % images, text)),
  };
}

/** Newton's method settles in fewer; ours. */
const maxSteps = 50;

/**
 * Fits the curve to scores of right and of wrong pairs, each kind with half the weight. Platt's targets, a little off 0 and 1, keep the
 * slope finite where all right scores lie above all wrong ones.
 */
export function calibrate({ right, wrong }: { right: readonly number[]; wrong: readonly number[] }): Calibration {
  const rows = [
    ...right.map((score) => ({ score, target: (right.length + 1) / (right.length + 2), weight: 1 / right.length })),
    ...wrong.map((score) => ({ score, target: 1 / (wrong.length + 2), weight: 1 / wrong.length })),
  ];
  let [slope, bias] = [0, 0];
  for (let step = 0; step < maxSteps; step++) {
    let [g0, g1, h00, h01, h11] = [0, 0, 1e-9, 0, 1e-9];
    for (const { score, target, weight } of rows) {
      const chance = chanceOf({ slope, bias }, score);
      const error = weight * (chance - target);
      const curve = weight * chance * (1 - chance);
      g0 += error * score;
      g1 += error;
      h00 += curve * score * score;
      h01 += curve * score;
      h11 += curve;
    }
    const determinant = h00 * h11 - h01 * h01;
    const [down, across] = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant];
    slope -= down;
    bias -= across;
    if (Math.abs(down) + Math.abs(across) < 1e-9) break;
  }
  return { slope, bias };
}
