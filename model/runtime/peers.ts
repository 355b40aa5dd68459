/**
 * What the processes that run one traced function at the same time say to each other in it: sums over all of them, by TensorFlow's
 * collective ops, in the order in which the function makes them. Each process has rows of its own of one batch.
 */
import { nativeBackend, type Tensor, tf } from './backend.ts';

export interface Peers {
  /** This process, from 0 on, of `count`. */
  readonly rank: number;
  readonly count: number;
  /** The sum of the tensors of all processes, bit for bit the same in each. It has no gradient. */
  sum(x: Tensor): Tensor;
}

/** A process without others. */
export const alone: Peers = { rank: 0, count: 1, sum: (x) => x };

/** All processes are in one group. */
const groupKey = 1;

/** How long TensorFlow waits for the others of a sum. As PyTorch's process groups of Gloo. */
const timeoutSeconds = 1800;

/**
 * The peers of a process. Every process has to trace the same functions at the same shapes in the same order: a sum is known by its
 * number.
 */
export function peersOf(rank: number, count: number): Peers {
  let sums = 0;
  return {
    rank,
    count,
    sum(x) {
      const native = nativeBackend()!;
      const { TF_ATTR_TYPE, TF_ATTR_STRING, TF_ATTR_FLOAT, TF_ATTR_INT, TF_FLOAT } = native.binding;
      sums += 1;
      const attributes = [
        { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
        { name: 'merge_op', type: TF_ATTR_STRING, value: 'Add' },
        { name: 'final_op', type: TF_ATTR_STRING, value: 'Id' },
        { name: 'communication_hint', type: TF_ATTR_STRING, value: native.isUsingGpuDevice ? 'nccl' : 'ring' },
        { name: 'timeout_seconds', type: TF_ATTR_FLOAT, value: timeoutSeconds },
        { name: 'Nordering_token', type: TF_ATTR_INT, value: 0 },
      ];
      const [size, group, number] = [count, groupKey, sums].map((value) => tf.scalar(value, 'int32')) as [Tensor, Tensor, Tensor]; // biome-ignore format: one line
      return native.executeSingleOutput('CollectiveReduceV2', attributes, [x, size, group, number]);
    },
  };
}

/** Sums of several tensors over all processes, as one. */
export function sumTogether(peers: Peers, tensors: readonly Tensor[]): Tensor[] {
  if (peers.count === 1) return [...tensors];
  if (tensors.length === 1) return [peers.sum(tensors[0]!)];
  const sizes = tensors.map(({ size }) => size);
  const joined = peers.sum(
    tf.concat(
      tensors.map((one) => tf.reshape(one, [-1])),
      0,
    ),
  );
  return tf.split(joined, sizes).map((part, index) => tf.reshape(part, tensors[index]!.shape));
}

/** Bytes that are summed at a time, so that a sum begins while gradients are still computed. As PyTorch's DistributedDataParallel. */
const bucketBytes = 25 * 2 ** 20;

/** Sums of gradients over all processes. Those that are computed first, the last ones of the model, go first. */
export function sumGradients(peers: Peers, gradients: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  if (peers.count === 1) return new Map(gradients);
  const summed = new Map<string, Tensor>();
  let [bucket, bytes]: [[string, Tensor][], number] = [[], 0];
  const send = (): void => {
    const sums = sumTogether(peers, bucket.map(([, gradient]) => gradient)); // biome-ignore format: one line
    bucket.forEach(([name], index) => {
      summed.set(name, sums[index]!);
    });
    [bucket, bytes] = [[], 0];
  };
  for (const entry of [...gradients].reverse()) {
    bucket.push(entry);
    bytes += 4 * entry[1].size;
    if (bytes >= bucketBytes) send();
  }
  if (bucket.length > 0) send();
  return new Map([...gradients.keys()].map((name) => [name, summed.get(name)!]));
}

/**
 * The rows [N, …] of all processes, in their order, from those [n, …] of each, of several tensors at once; gradients go back to whose rows they
 * are. Sums, too: of rows that are 0 elsewhere.
 */
export function gatherRows(peers: Peers, tensors: readonly Tensor[]): Tensor[] {
  if (peers.count === 1) return [...tensors];
  const { rank, count } = peers;
  const widened = (x: Tensor): Tensor => {
    const [n, ...rest] = x.shape as [number, ...number[]];
    return tf.pad(x, [[rank * n, (count - 1 - rank) * n], ...rest.map((): [number, number] => [0, 0])]);
  };
  const own = (all: Tensor): Tensor => {
    const [N, ...rest] = all.shape as [number, ...number[]];
    return tf.slice(all, [(rank * N) / count, ...rest.map(() => 0)], [N / count, ...rest]);
  };
  // Each of its own: tfjs has no gradient of several outputs.
  return tensors.map((tensor) =>
    tf.customGrad((...args: unknown[]) => ({
      value: peers.sum(widened(args[0] as Tensor)),
      gradFunc: (dy: Tensor) => own(peers.sum(dy)),
    }))(tensor),
  );
}
