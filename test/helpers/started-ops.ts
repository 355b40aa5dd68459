/** Every op that TensorFlow is asked to run on its own, outside a graph, while something runs: once for each set of types. */
import { nativeBackend } from '../../model/runtime/backend.ts';
import type { Attribute, GraphNode } from '../../model/runtime/graph-node.ts';

export async function startedOps(work: () => unknown): Promise<GraphNode[]> {
  const backend = nativeBackend()!;
  const real = backend.binding;
  const found = new Map<string, GraphNode>();
  const names = Object.getOwnPropertyNames(real) as (keyof typeof real)[];
  const recording = Object.fromEntries(names.map((name) => [name, real[name]])) as unknown as typeof real;
  recording.executeOp = (op, attributes, inputs, outputs) => {
    const attr: Record<string, Attribute> = {};
    for (const { name, type: kind, value } of attributes) {
      if (kind !== real.TF_ATTR_TYPE) continue;
      attr[name] = Array.isArray(value) ? { list: { type: value } } : { type: value as number };
    }
    // The one op whose types tfjs leaves to TensorFlow.
    if (op === 'ExpandDims') attr.T = { type: real.TF_FLOAT };
    const name = `${op} ${JSON.stringify(attr)}`;
    found.set(name, { name, op, input: [], attr });
    return real.executeOp(op, attributes, inputs, outputs);
  };
  backend.binding = recording;
  try {
    await work();
    return [...found.values()];
  } finally {
    backend.binding = real;
  }
}
