/** A trained tensor's name, shape and first values. net/parameters.ts lists those of a model. */
import { random } from '../../dataset/random.ts';
import { elementCount } from './array.ts';

export interface ParameterSpec {
  readonly name: string;
  /** Linear layers are [out, in], as PyTorch stores them. */
  readonly shape: readonly number[];
  /** A number: normal with this standard deviation, truncated at two of them, as BERT. */
  readonly start: number | 'zeros' | 'ones';
  /** AdamW decays matrices and tables, not biases and LayerNorm, as BERT. */
  readonly decays: boolean;
  /** What the learning rate is multiplied with, so that parts of a model learn at different speeds; 0 keeps it as it is. 1 unless given. */
  readonly rate?: number;
  /** Not trained: what a traced function gives as its gradient becomes its value. */
  readonly replaced?: true;
}

/** Whether an optimiser changes it. */
export const learns = ({ rate, replaced }: ParameterSpec): boolean => rate !== 0 && !replaced;

/** The names of those that training leaves as they are. */
export const frozenOf = (parameters: readonly ParameterSpec[]): ReadonlySet<string> =>
  new Set(parameters.filter((one) => !learns(one)).map(({ name }) => name));

/** Trained variables by name, the optimiser's means (see `slots`) among them. */
export type Values = Map<string, Float32Array>;

/** First values of all parameters, from a seed. */
export function startValues(parameters: readonly ParameterSpec[], seed: number): Values {
  const draw = random(seed, 0x57a27);
  return new Map(
    parameters.map(({ name, shape, start }) => {
      const values = new Float32Array(elementCount(shape));
      if (start === 'ones') values.fill(1);
      if (typeof start === 'number') {
        for (let index = 0; index < values.length; index++) {
          let drawn = draw.normal();
          while (Math.abs(drawn) > 2) drawn = draw.normal();
          values[index] = start * drawn;
        }
      }
      return [name, values];
    }),
  );
}
