/**
 * Contrast's loss of single queries: what a choice among orders is made by where pairs are few. Of 256 pairs recall says too little
 * (docs/learning.md).
 */

/** Of cosines, from 5 to 80 in steps of √2. Ours. */
const triedScales = Array.from({ length: 9 }, (_, step) => 5 * 2 ** (step / 2));

/**
 * From cosines [images × texts], where `owner` names each text's image, of each image that looks for its texts, or of each text that looks for its image: minus the
 * logarithm of the share that the right ones have of all powers of e, at the scale of the least sum.
 */
export function leastLosses(cosines: Float32Array, owner: readonly number[], wanted: 'image' | 'text'): Float64Array {
  const T = owner.length;
  const I = cosines.length / T;
  const lossesAt = (scale: number): Float64Array => {
    const [all, right] = [0, 1].map(() => new Float64Array(wanted === 'text' ? I : T)) as [Float64Array, Float64Array];
    for (let image = 0; image < I; image++) {
      for (let text = 0; text < T; text++) {
        const query = wanted === 'text' ? image : text;
        // Cosines, also without hubs, are of the size of 1, so that nothing overflows.
        const power = Math.exp(scale * cosines[image * T + text]!);
        all[query]! += power;
        if (owner[text] === image) right[query]! += power;
      }
    }
    return all.map((one, query) => Math.log(one / right[query]!));
  };
  const sum = (losses: Float64Array): number => losses.reduce((total, one) => total + one, 0);
  // It falls up to the best scale and rises from there.
  let least = lossesAt(triedScales[0]!);
  for (const scale of triedScales.slice(1)) {
    const losses = lossesAt(scale);
    if (!(sum(losses) < sum(least))) break;
    least = losses;
  }
  return least;
}
