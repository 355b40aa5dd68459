/** What cosines are multiplied with where contrast begins. */
import { random } from '../../dataset/random.ts';

/** Pairs of a batch in which scales are compared, and how many batches are drawn. Ours. */
const [scaleBatch, scaleBatches] = [32, 60];
const scales = Array.from({ length: 20 }, (_, step) => 3 * 1.2 ** step);

/** What cosines [images × texts] of held-out pairs are best multiplied with, for the lowest contrast loss. */
export function bestScale(cosines: Float32Array, owner: readonly number[]): number {
  const texts = owner.length;
  const images = cosines.length / texts;
  const own = Array.from({ length: images }, () => [] as number[]);
  owner.forEach((image, text) => {
    own[image]!.push(text);
  });
  const draw = random(0);
  const losses = new Float64Array(scales.length);
  const size = Math.min(scaleBatch, images);
  for (let batch = 0; batch < scaleBatches; batch++) {
    const drawn = draw.shuffle(Array.from({ length: images }, (_, image) => image)).slice(0, size);
    const named = drawn.map((image) => own[image]![draw.below(own[image]!.length)]!);
    const at = (row: number, column: number) => cosines[drawn[row]! * texts + named[column]!]!;
    scales.forEach((scale, index) => {
      for (let one = 0; one < size; one++) {
        const rest = (value: (other: number) => number) =>
          Math.log(drawn.reduce((sum, _, other) => sum + Math.exp(scale * (value(other) - at(one, one))), 0));
        losses[index]! += rest((other) => at(one, other)) + rest((other) => at(other, one));
      }
    });
  }
  return scales[losses.indexOf(Math.min(...losses))]!;
}
