/** A graph inside TensorFlow, whoever has loaded it. */
import type { FedArray, ShapedArray } from './array.ts';
import type { Output } from './graph-node.ts';

export interface RunningGraph {
  /** Runs the nodes that `outputs` need and returns the outputs' values in order. */
  run(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]): ShapedArray[];
  /** As `run`; where the graph has a session of its own in another thread, so that this one goes on meanwhile. */
  runLater(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]): Promise<ShapedArray[]>;
  dispose(): void;
}
