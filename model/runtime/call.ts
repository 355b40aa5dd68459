/** A call of TensorFlow, as a trace keeps it. */
import type { Attribute } from './graph-node.ts';

/** Tensors are the numbers that the addon, or the trace, gave them. */
export interface Call {
  readonly op: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Of the first output. */
  readonly elements: number;
  /** The part of the function that it belongs to, see recompute.ts. */
  readonly part?: number | undefined;
  /** Tensors that have to be there before it runs, beside its inputs. */
  readonly after?: readonly number[];
  /** On which of several devices it is made, from 0 on. */
  readonly device: number;
}
